import type { Command } from 'commander'
import type { Client, LogFilter } from '#client'
import { examples, optionsOf } from '../command.ts'
import { Failure, wrongUsage } from '../failure.ts'
import { printLine } from '../follow.ts'
import { must, type Repo, type Session } from '../session.ts'
import { printable } from '../text.ts'

interface Options {
  follow?: boolean
  node?: string
  task?: string
  work?: string
  limit: string
  json?: boolean
}

export function logs(program: Command, session: Session): void {
  const command = program
    .command('logs [run]')
    .description('log lines of the repository, a node, a task (its latest run, or the run named) or a work')
    .option('-f, --follow', 'go on with lines as they come')
    .option('--node <node>', 'lines of a node')
    .option('--task <task>', 'lines of the latest run of a task')
    .option('--work <id>', 'lines of a sync or run')
    .option('--limit <n>', 'how many lines at first', '100')
    .option('--json', 'print a JSON object a line')
    .action(async (run: string | undefined, _, self: Command) => {
      const options = optionsOf<Options>(self)
      const limit = Number(options.limit)
      if (!Number.isInteger(limit) || limit < 1 || limit > 10_000)
        throw wrongUsage(`--limit is a number from 1 to 10000, not \`${options.limit}\`.`)
      if (run !== undefined && options.task === undefined)
        throw wrongUsage(
          `The run ${run} needs its task.`,
          `Write \`devops logs --task TASK ${run}\`, or --work ${run}.`,
        )
      const repo = session.repo(options.repo)
      const client = session.client()
      const filter = { ...(await filterOf(client, repo, options, run)), limit }
      await (options.follow
        ? follow(session, client, repo, filter, options)
        : show(session, client, repo, filter, options))
    })
  examples(
    command,
    'devops logs --node web',
    'devops logs -f --task deploy',
    'devops logs --task deploy 0abcdefgh1234567890',
  )
}

async function filterOf(
  client: Client,
  repo: Repo,
  { node, task, work, follow }: Options,
  run?: string,
): Promise<LogFilter> {
  const filter = { ...(node ? { node } : {}), ...(work ? { work } : {}) }
  if (task === undefined) return filter
  if (run !== undefined) return { ...filter, work: run }
  const query = { task, limit: 1 }
  const [latest] = must(
    await client.GET('/v1/repos/{owner}/{repo}/runs', { params: { path: repo.path, query } }),
  )
  if (latest) return { ...filter, work: latest.id }
  if (follow) return { ...filter, task }
  throw new Failure(`Task ${task} has not run yet.`, `Start it with \`devops run ${task}\`.`)
}

async function show(
  session: Session,
  client: Client,
  repo: Repo,
  query: LogFilter,
  { json }: Options,
): Promise<void> {
  const { lines } = must(
    await client.GET('/v1/repos/{owner}/{repo}/logs', { params: { path: repo.path, query } }),
  )
  if (lines.length === 0 && !json) session.note('No lines yet.\n')
  for (const line of lines) json ? session.print(`${JSON.stringify(line)}\n`) : printLine(session, line)
}

async function follow(
  session: Session,
  client: Client,
  repo: Repo,
  filter: LogFilter,
  { json }: Options,
): Promise<void> {
  const leave = new AbortController()
  const undo = session.io.onInterrupt?.(() => leave.abort())
  const onReconnect = (reason: string) =>
    session.note(`The connection was cut (${printable(reason)}); trying again …\n`)
  try {
    for await (const line of client.followLogs(repo.id, filter, { signal: leave.signal, onReconnect }))
      json ? session.print(`${JSON.stringify(line)}\n`) : printLine(session, line)
  } finally {
    undo?.()
  }
}
