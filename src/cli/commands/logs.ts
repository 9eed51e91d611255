import type { Command } from 'commander'
import type { Client, LogFilter, Schemas } from '#client'
import { examples, optionsOf } from '../command.ts'
import { printLine } from '../follow.ts'
import { checkOptions, type LogOptions, plainFilter, runFilter } from '../logs/filter.ts'
import { INTERRUPTED } from '../outcome.ts'
import { must, type Repo, type Session } from '../session.ts'
import { count, printable } from '../text.ts'

export function logs(program: Command, session: Session): void {
  const command = program
    .command('logs [run]')
    .description('log lines of the repository, a node, a task (its latest run, or the run named) or a work')
    .option('-f, --follow', 'go on with lines as they come')
    .option('--node <node>', 'lines of a node')
    .option('--task <task>', 'lines of the latest run of a task')
    .option('--work <id>', 'lines of a sync or run')
    .option('--step <n>', 'lines of a step, counted from 1')
    .option('--stream <stream>', 'stdout, stderr, platform or syslog')
    .option('--service <name>', 'lines of one service of the platform, or of one program by syslog')
    .option('--level <level>', 'lines of this level or graver: debug, info, warn, error')
    .option('-g, --grep <text>', 'lines that hold a text, capitals or not')
    .option('--since <time>', 'from a time on: 15m, 2h, 3d ago, or 2026-01-31T12:00')
    .option('--until <time>', 'up to a time')
    .option('--before <seq>', 'the newest lines before a sequence number')
    .option('--limit <n>', 'how many lines at first', '100')
    .option('--all', 'every line that fits, oldest first')
    .option('--platform', 'lines of devo.ps itself, for its administrators')
    .option('--json', 'print a JSON object a line')
    .action(async (run: string | undefined, _, self: Command) => {
      const options = optionsOf<LogOptions & { repo?: string }>(self)
      checkOptions(options, run)
      const filter = plainFilter(options, session.now())
      const repo = options.platform ? undefined : session.repo(options.repo)
      const client = session.client()
      const look: Look = {
        session,
        client,
        repo,
        filter: repo ? { ...filter, ...(await runFilter(client, repo, options, run)) } : filter,
        print: (line) => printLine(session, line),
      }
      if (options.follow) await follow(look)
      else if (options.all) await showAll(look)
      else await show(look, options.json)
    })
  examples(
    command,
    'devops logs --node web',
    'devops logs -f --task deploy',
    'devops logs --task deploy 0abcdefgh1234567890',
    'devops logs --since 2h --level warn --grep "connection refused"',
    'devops logs --all --json > lines.jsonl',
  )
}

/** What is looked at, and how a line is printed. */
interface Look {
  session: Session
  client: Client
  /** Undefined: the platform itself. */
  repo: Repo | undefined
  filter: LogFilter
  print(line: Schemas['Line']): void
}

async function query({ client, repo, filter }: Look): Promise<Schemas['Lines']> {
  if (!repo) return must(await client.GET('/v1/platform/logs', { params: { query: filter } }))
  return must(
    await client.GET('/v1/repos/{owner}/{repo}/logs', { params: { path: repo.path, query: filter } }),
  )
}

async function show(look: Look, json = false): Promise<void> {
  const { session, filter, print } = look
  const { lines, first, removed } = await query(look)
  if (removed) tellRemoved(session, removed.lines)
  if (lines.length === 0 && !json) session.note('No lines.\n')
  lines.forEach(print)
  if (first !== null && first > 1 && !json && lines.length === filter.limit)
    session.note(`Older lines: the same with --before ${first}, or --all.\n`)
}

const tellRemoved = ({ note }: Session, lines: number): void =>
  note(`${count(lines, 'older line')} went by the settings log_days and log_megabytes.\n`)

/** Page by page: a log of any length takes little memory. */
async function showAll({ filter, ...look }: Look): Promise<void> {
  let told = false
  for (let after = 0; ; ) {
    const page = { ...look, filter: { ...filter, after, limit: 2000 } }
    const { lines, last, removed } = await query(page)
    if (removed && !told) tellRemoved(look.session, removed.lines)
    told = true
    lines.forEach(look.print)
    if (lines.length < 2000) return
    after = last
  }
}

async function follow(look: Look): Promise<void> {
  const { session, client, repo, filter, print } = look
  // A name that is not there is refused before anybody waits for its lines.
  await query({ ...look, filter: { ...filter, limit: 1 } })
  const leave = new AbortController()
  const undo = session.io.onInterrupt?.(() => {
    session.exit(INTERRUPTED)
    leave.abort()
  })
  const onReconnect = (reason: string) =>
    session.note(`The connection was cut (${printable(reason)}); trying again …\n`)
  const onRemoved = (lines: number) => tellRemoved(session, lines)
  try {
    for await (const line of client.followLogs(repo?.id, filter, {
      signal: leave.signal,
      onReconnect,
      onRemoved,
    }))
      print(line)
  } finally {
    undo?.()
  }
}
