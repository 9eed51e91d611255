import type { Command } from 'commander'
import type { Schemas } from '#client'
import { examples, optionsOf } from '../command.ts'
import { countOf } from '../count.ts'
import { must, type Session } from '../session.ts'
import { ago, printable } from '../text.ts'
import { show } from './list.ts'

interface Options {
  json?: boolean
  count?: string
}

export function webhook(program: Command, session: Session): void {
  const group = program.command('webhook').description('deliveries to webhooks: what came, and once more')
  examples(group, 'devops webhook deliveries', 'devops list webhooks')
  deliveries(group, session)
  showOne(group, session)
  redeliver(group, session)
}

function deliveries(group: Command, session: Session): void {
  const command = group
    .command('deliveries [path]')
    .description('latest deliveries, to one path or to all; also those that were refused, and why')
    .option('--count <n>', 'how many', '20')
    .option('--json', 'print JSON')
    .action(async (given: string | undefined, _, self: Command) => {
      const options = optionsOf<Options>(self)
      const { id, path } = session.repo(options.repo)
      const query = { limit: countOf(options.count), ...(given !== undefined && { path: given }) }
      const all = must(
        await session.client().GET('/v1/repos/{owner}/{repo}/deliveries', { params: { path, query } }),
      )
      const headings = ['delivery', 'path', 'task', 'answer', 'when', 'from', 'run', 'note']
      show(session, options, all, headings, (one) => rowOf(session, one), nothing(id, given))
    })
  examples(command, 'devops webhook deliveries', 'devops webhook deliveries deploy --count 5')
}

const nothing = (repo: string, path: string | undefined) =>
  `Nothing was delivered to ${path === undefined ? `webhooks of ${repo}` : printable(path)} yet.`

const rowOf = (session: Session, one: Schemas['Delivery']): string[] => [
  one.id,
  printable(one.path),
  one.task,
  String(one.status),
  ago(one.at, session.now()),
  printable(one.from),
  one.run ?? '-',
  printable(one.reason ?? (one.of === null ? '' : `${one.of} again, by ${one.by}`)),
]

function showOne(group: Command, session: Session): void {
  const command = group
    .command('show <delivery>')
    .description('a delivery with its headers and its payload')
    .option('--json', 'print JSON')
    .action(async (delivery: string, _, self: Command) => {
      const options = optionsOf<Options>(self)
      const { path } = session.repo(options.repo)
      const params = { path: { ...path, delivery } }
      const one = must(
        await session.client().GET('/v1/repos/{owner}/{repo}/deliveries/{delivery}', { params }),
      )
      if (options.json) session.printJson(one)
      else session.print(textOf(one))
    })
  examples(command, 'devops webhook show 01m3xk2v90ab12cd34e')
}

function textOf(one: Schemas['DeliveryContent']): string {
  const { request, payload, kept } = one
  const outcome = one.run === null ? `refused, ${one.reason}` : `run ${one.run} of ${one.task}`
  const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`)
  const body = kept ? JSON.stringify(payload, null, 2) : '(the body is not kept)'
  const lines = [`${one.path} from ${one.from}, ${one.status}: ${outcome}`, '', ...headers, '']
  return `${[...lines, ...body.split('\n')].map((line) => printable(line)).join('\n')}\n`
}

function redeliver(group: Command, session: Session): void {
  const command = group
    .command('redeliver <delivery>')
    .description('take a delivery again as it came: another run of the task')
    .action(async (delivery: string, _, self: Command) => {
      const { path } = session.repo(optionsOf<Options>(self).repo)
      const params = { path: { ...path, delivery } }
      const one = must(
        await session.client().POST('/v1/repos/{owner}/{repo}/deliveries/{delivery}/redeliver', { params }),
      )
      session.answer(one, `Delivered again: run ${one.run} of ${one.task}.\n`)
    })
  examples(command, 'devops webhook redeliver 01m3xk2v90ab12cd34e')
}
