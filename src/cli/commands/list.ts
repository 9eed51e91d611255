import type { Command } from 'commander'
import { causeOf } from '../cause.ts'
import { examples, optionsOf } from '../command.ts'
import { countOf } from '../count.ts'
import { nodeRows } from '../nodes.ts'
import { must, type Session } from '../session.ts'
import { ago, lasted, printable, shortCommit } from '../text.ts'

interface Options {
  json?: boolean
  count?: string
  credential?: string
}

export function list(program: Command, session: Session): void {
  const group = program
    .command('list')
    .description('what there is: repos, nodes, tasks, runs, webhooks, crons, users, offers of providers')
  examples(group, 'devops list nodes', 'devops list --repo ann/shop runs deploy --count 3')
  const add = (
    name: string,
    description: string,
    show: (options: Options & { repo?: string }, arg: string) => Promise<void>,
  ) =>
    group
      .command(name)
      .description(description)
      .option('--json', 'print JSON')
      .action((...args) => {
        const command = args.at(-1) as Command
        return show(optionsOf<Options>(command), command.args[0] ?? '')
      })

  examples(
    add('repos', 'repositories that you own or share', (options) => repos(session, options)),
    'devops list repos',
  )
  examples(
    add('nodes', 'nodes and how they are', (options) => nodes(session, options)),
    'devops list nodes --json',
  )
  examples(
    add('tasks', 'tasks and their latest run', (options) => tasks(session, options)),
    'devops list tasks',
  )
  examples(
    add('runs [task]', 'latest runs, of one task or of all', (options, task) =>
      runs(session, options, task),
    ).option('--count <n>', 'how many', '10'),
    'devops list runs deploy --count 3',
  )
  examples(
    add('webhooks', 'webhooks: their addresses and tasks', (options) => webhooks(session, options)),
    'devops list webhooks',
  )
  examples(
    add('crons', 'crontab lines of tasks, and when they come next', (options) => crons(session, options)),
    'devops list crons',
  )
  examples(
    add('users', 'users of the platform', (options) => users(session, options)),
    'devops list users',
  )
  examples(
    add(
      'offers <provider>',
      'sizes, locations and images of a provider, by the names that nodes use',
      (options, provider) => offers(session, options, provider),
    ).option('--credential <name>', 'credential of the repository’s owner that opens it'),
    'devops list offers docker',
  )
}

/** JSON of the answer, or a table; a sentence when there is nothing. */
export function show<T>(
  session: Session,
  { json }: { json?: boolean },
  items: readonly T[],
  headings: readonly string[],
  row: (item: T) => string[],
  nothing: string,
): void {
  if (json) session.printJson(items)
  else if (items.length === 0) session.note(`${nothing}\n`)
  else session.print(session.table(headings, items.map(row)))
}

export async function repos(session: Session, options: Options): Promise<void> {
  const all = must(await session.client().GET('/v1/repos'))
  const row = (one: (typeof all)[number]) => [one.repo, one.role, one.branch, shortCommit(one.commit)]
  show(
    session,
    options,
    all,
    ['repo', 'role', 'branch', 'commit'],
    row,
    'No repositories yet: `devops repo create NAME`.',
  )
}

async function nodes(session: Session, options: Options & { repo?: string }): Promise<void> {
  const repo = session.repo(options.repo)
  const all = must(
    await session.client().GET('/v1/repos/{owner}/{repo}/nodes', { params: { path: repo.path } }),
  )
  const { headings, row } = nodeRows(session)
  show(session, options, all, headings, row, `${repo.id} has no nodes yet: push a file to nodes/.`)
}

async function tasks(session: Session, options: Options & { repo?: string }): Promise<void> {
  const repo = session.repo(options.repo)
  const all = must(
    await session.client().GET('/v1/repos/{owner}/{repo}/tasks', { params: { path: repo.path } }),
  )
  const row = ({ task, last_run }: (typeof all)[number]) => [
    task.id,
    printable(task.name ?? '-'),
    task.targets.join(',') || '-',
    last_run?.state ?? '-',
    ago(last_run?.created_at, session.now()),
  ]
  const headings = ['task', 'name', 'targets', 'last run', 'when']
  show(session, options, all, headings, row, `${repo.id} has no tasks yet: push a file to tasks/.`)
}

async function runs(session: Session, options: Options & { repo?: string }, task: string): Promise<void> {
  const limit = countOf(options.count)
  const repo = session.repo(options.repo)
  const query = { limit, ...(task ? { task } : {}) }
  const all = must(
    await session.client().GET('/v1/repos/{owner}/{repo}/runs', { params: { path: repo.path, query } }),
  )
  const row = (run: (typeof all)[number]) => [
    run.id,
    run.task ?? '-',
    run.state,
    ago(run.created_at, session.now()),
    run.started_at && run.ended_at ? lasted(run.ended_at - run.started_at) : '-',
    printable(causeOf(run.cause)),
    printable(run.error ?? run.waits_for ?? ''),
  ]
  const headings = ['run', 'task', 'state', 'when', 'took', 'cause', 'note']
  show(session, options, all, headings, row, task ? `Task ${task} has not run yet.` : 'Nothing has run yet.')
}

async function webhooks(session: Session, options: Options & { repo?: string }): Promise<void> {
  const repo = session.repo(options.repo)
  const all = must(
    await session.client().GET('/v1/repos/{owner}/{repo}/webhooks', { params: { path: repo.path } }),
  )
  show(
    session,
    options,
    all,
    ['address', 'task', 'signed', 'from'],
    ({ address, task, secret, type, allow }) => [
      printable(`${session.server.replace(/\/$/, '')}${address}`),
      task,
      secret === undefined ? 'no' : `${type}, ${secret}`,
      allow?.join(', ') ?? 'anywhere',
    ],
    `${repo.id} has no webhooks.`,
  )
}

async function crons(session: Session, options: Options & { repo?: string }): Promise<void> {
  const repo = session.repo(options.repo)
  const all = must(
    await session.client().GET('/v1/repos/{owner}/{repo}/crons', { params: { path: repo.path } }),
  )
  const row = ({ cron, timezone, task, missed, next_at }: (typeof all)[number]) => [
    task,
    cron,
    timezone,
    new Date(next_at).toISOString().replace(':00.000Z', 'Z'),
    within(next_at - session.now()),
    missed,
  ]
  const headings = ['task', 'cron', 'time zone', 'next', 'in', 'missed']
  show(session, options, all, headings, row, `${repo.id} has no crons.`)
}

/** `3 h`, `12 min`, `now` */
function within(ms: number): string {
  if (ms <= 0) return 'now'
  const minutes = Math.ceil(ms / 60_000)
  if (minutes < 120) return `${minutes} min`
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} d`
}

export async function users(session: Session, options: Options): Promise<void> {
  const all = must(await session.client().GET('/v1/users'))
  const row = (user: (typeof all)[number]) => [
    user.name,
    printable(user.email ?? '-'),
    user.admin ? 'yes' : 'no',
    ago(user.created_at, session.now()),
  ]
  show(session, options, all, ['user', 'email', 'administrator', 'since'], row, 'There are no users.')
}

async function offers(
  session: Session,
  { credential, ...options }: Options & { repo?: string },
  provider: string,
): Promise<void> {
  const { path } = session.repo(options.repo)
  const params = { path: { ...path, provider }, query: { ...(credential !== undefined && { credential }) } }
  const { sizes, locations, images } = must(
    await session.client().GET('/v1/repos/{owner}/{repo}/providers/{provider}/offers', { params }),
  )
  const all = [
    ...sizes.map((offer) => ({ key: 'size', ...offer })),
    ...locations.map((offer) => ({ key: 'location', ...offer })),
    ...images.map((offer) => ({ key: 'image', ...offer })),
  ]
  const row = ({ key, id, description }: (typeof all)[number]) => [key, printable(id), printable(description)]
  const headings = ['key', 'name', 'what it is']
  show(session, options, all, headings, row, `Provider ${provider} offers nothing: its machines exist.`)
}
