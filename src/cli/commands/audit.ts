import type { Command } from 'commander'
import type { Schemas } from '#client'
import { examples, optionsOf } from '../command.ts'
import { wrongUsage } from '../failure.ts'
import { must, type Session } from '../session.ts'
import { printable } from '../text.ts'
import { show } from './list.ts'

type Entry = Schemas['AuditEntry']

interface Options {
  all?: boolean
  actor?: string
  action?: string
  since?: string
  limit: string
  repo?: string
  json?: boolean
}

export function audit(program: Command, session: Session): void {
  const group = program
    .command('audit')
    .description('who changed what, and used which credential (`devops audit` lists)')
  examples(group, 'devops audit --repo ann/shop')

  const list = group
    .command('list', { isDefault: true })
    .description('entries of the repository, newest first; role admin reads them')
    .option('--all', 'of the whole platform, as an administrator')
    .option('--actor <user>', 'by this user only')
    .option('--action <action>', 'of this action only: setVariable, git.push, sign_in, credential.use …')
    .option('--since <time>', 'not before: 30m, 12h, 7d, or a date')
    .option('--limit <n>', 'how many', '50')
    .option('--json', 'print JSON')
    .action(async (_, self: Command) => {
      const options = optionsOf<Options>(self)
      const all = await entries(session, options)
      show(session, options, all, headings, row, 'There are no such entries.')
    })
  examples(list, 'devops audit list --since 7d', 'devops audit list --all --action sign_in')

  const verify = group
    .command('verify')
    .description('look whether entries were changed, removed, reordered or cut off')
    .option('--head <seq:hash>', 'what an earlier look printed: all up to it must still be there')
    .option('--json', 'print JSON')
    .action(async ({ head, json }: { head?: string; json?: boolean }) => {
      if (head !== undefined && !/^\d{1,15}:[0-9a-f]{64}$/.test(head))
        throw wrongUsage(
          `\`${head}\` is no head.`,
          'Give what `devops audit verify` printed: a number, a colon and 64 hexadecimal digits.',
        )
      const query = head === undefined ? {} : { head }
      const verdict = must(await session.client().GET('/v1/audit/verify', { params: { query } }))
      if (json) session.printJson(verdict)
      else say(session, verdict)
      if (verdict.faults.length > 0) session.exit(1)
    })
  examples(verify, 'devops audit verify')
}

async function entries(session: Session, options: Options): Promise<Entry[]> {
  const query = {
    ...(options.actor !== undefined && { actor: options.actor }),
    ...(options.action !== undefined && { action: options.action }),
    ...(options.since !== undefined && { since: timeOf(options.since, session.now()) }),
    limit: countOf(options.limit),
  }
  const client = session.client()
  if (options.all) {
    if (options.repo !== undefined) throw wrongUsage('--all and --repo exclude one another.')
    return must(await client.GET('/v1/audit', { params: { query } }))
  }
  const { path } = session.repo(options.repo)
  return must(await client.GET('/v1/repos/{owner}/{repo}/audit', { params: { path, query } }))
}

const headings = ['entry', 'time', 'actor', 'from', 'repository', 'action', 'outcome', 'what']

const row = (entry: Entry): string[] => [
  String(entry.seq),
  new Date(entry.at).toISOString().replace(/\.\d+Z$/, 'Z'),
  printable(entry.actor ?? '-'),
  printable(entry.from ?? '-'),
  entry.repo ?? '-',
  printable(entry.action),
  entry.of === null ? entry.outcome : `${entry.outcome} (${entry.of})`,
  printable(
    `${entry.cause} ${Object.keys(entry.details).length > 0 ? JSON.stringify(entry.details) : ''}`.trim(),
  ),
]

function say({ print }: Session, { entries, head, faults }: Schemas['AuditVerdict']): void {
  for (const { seq, reason } of faults) print(`entry ${seq}: ${printable(reason)}\n`)
  if (faults.length === 0) print(`${entries} entries: nothing was changed, removed, reordered or cut off.\n`)
  if (head) print(`Keep this elsewhere, and give it with --head the next time: ${head}\n`)
}

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 }

function timeOf(text: string, now: number): number {
  const [, count, unit] = /^(\d+)([mhd])$/.exec(text) ?? []
  if (count && unit) return Math.max(0, now - Number(count) * UNITS[unit as keyof typeof UNITS])
  const time = Date.parse(text)
  if (Number.isNaN(time) || time < 0)
    throw wrongUsage(`\`${text}\` is no time.`, 'Write it like 30m, 12h, 7d or 2026-01-31.')
  return time
}

function countOf(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= 1000) return count
  throw wrongUsage(`--limit is a number from 1 to 1000, not \`${text}\`.`)
}
