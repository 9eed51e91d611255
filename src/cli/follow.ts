import { ApiProblem, type Client, type LogFilter, type Schemas, Unreachable } from '#client'
import type { Repo, Session } from './session.ts'
import { must } from './session.ts'
import { clockTime, printable } from './text.ts'

type Work = Schemas['Work']
type Line = Schemas['Line']

/** How often a followed work is looked at, in milliseconds. */
const LOOK = 400
const DRAIN = 1000

const ended = ({ state }: Work) => state !== 'waiting' && state !== 'running'

export function printLine({ json, paint, print }: Session, line: Line): void {
  if (json) {
    print(`${JSON.stringify(line)}\n`)
    return
  }
  const text = printable(line.text)
  const shown =
    line.level === 'error' ? paint('red', text) : line.stream === 'platform' ? paint('dim', text) : text
  print(`${paint('dim', clockTime(line.at))} ${paint('cyan', line.node ?? line.task ?? '-')}  ${shown}\n`)
}

/** Says which step a line is of, when it is another than that of the line before from the same node. */
function stepHeadings({ json, paint, print }: Session, works: readonly Work[]): (line: Line) => void {
  const steps = new Map(works.map((work) => [work.id, (work as Partial<Schemas['Run']>).steps ?? []]))
  const latest = new Map<string, number>()
  return ({ at, work = '', node = '-', step }) => {
    const found = steps.get(work)?.find((each) => each.step === step)
    if (json || step === undefined || !found || latest.get(node) === step) return
    latest.set(node, step)
    const text = paint('bold', `step ${step}: ${printable(found.name)}`)
    print(`${paint('dim', clockTime(at))} ${paint('cyan', node)}  ${text}\n`)
  }
}

/** The sequence number after which lines of a work that is about to begin will come. */
export async function newestSeq(client: Client, repo: Repo): Promise<number> {
  const { lines } = must(
    await client.GET('/v1/repos/{owner}/{repo}/logs', { params: { path: repo.path, query: { limit: 1 } } }),
  )
  return lines.at(-1)?.seq ?? 0
}

export interface Followed {
  works: Work[]
  /** The person left with Ctrl-C; the works go on. */
  interrupted: boolean
}

/** Prints the lines of works until all have ended. */
export async function followWorks(
  session: Session,
  repo: Repo,
  works: Work[],
  after: number,
): Promise<Followed> {
  const client = session.client()
  const leave = new AbortController()
  const stop = new AbortController()
  const undo = session.io.onInterrupt?.(() => leave.abort())
  const tail = followLines(session, client, repo, works, after, AbortSignal.any([leave.signal, stop.signal]))
  try {
    const last = await Promise.race([untilEnded(session, client, repo, works, leave.signal), tail.broken])
    stop.abort()
    await tail.done
    if (!leave.signal.aborted) await tail.drain()
    return { works: last, interrupted: leave.signal.aborted }
  } finally {
    stop.abort()
    undo?.()
  }
}

function followLines(
  session: Session,
  client: Client,
  repo: Repo,
  works: Work[],
  after: number,
  signal: AbortSignal,
) {
  const [only] = works
  const filter: LogFilter = works.length === 1 && only ? { work: only.id } : {}
  const ids = new Set(works.map(({ id }) => id))
  let last = after

  const heading = stepHeadings(session, works)
  const show = (line: Line) => {
    last = line.seq
    if (!line.work || !ids.has(line.work)) return
    heading(line)
    printLine(session, line)
  }
  const done = (async () => {
    const reconnect = (reason: string) =>
      session.note(`The connection was cut (${printable(reason)}); trying again …\n`)
    for await (const line of client.followLogs(
      repo.id,
      { ...filter, after },
      { signal, onReconnect: reconnect },
    ))
      show(line)
  })()
  return {
    done,
    /** Never resolves; rejects when the lines cannot be had. */
    broken: new Promise<never>((_, fail) => done.catch(fail)),
    /** What came between the last line and the end of the work. */
    async drain() {
      for (;;) {
        const query = { ...filter, after: last, limit: DRAIN }
        const { lines } = must(
          await client.GET('/v1/repos/{owner}/{repo}/logs', { params: { path: repo.path, query } }),
        )
        lines.forEach(show)
        if (lines.length < DRAIN) return
      }
    },
  }
}

/** The works as they ended, or as they are when the person leaves. Tells what they wait for. */
async function untilEnded(
  { note }: Session,
  client: Client,
  repo: Repo,
  works: Work[],
  signal: AbortSignal,
): Promise<Work[]> {
  let now = works
  const told = new Map<string, string | null>()
  for (;;) {
    for (const { id, waits_for } of now) {
      // The sentence ends in how long: that alone is no news.
      const what = waits_for?.replace(/,[^,]*$/, '') ?? null
      if (waits_for && told.get(id) !== what) note(`${printable(waits_for)}\n`)
      told.set(id, what)
    }
    if (now.every(ended) || signal.aborted) return now
    await pause(LOOK, signal)
    if (signal.aborted) return now
    now = await Promise.all(
      now.map(async (work) => (ended(work) ? work : ((await look(client, repo, work.id)) ?? work))),
    )
  }
}

const getWork = async (client: Client, repo: Repo, work: string): Promise<Work> =>
  must(
    await client.GET('/v1/repos/{owner}/{repo}/works/{work}', { params: { path: { ...repo.path, work } } }),
  )

/** Undefined while the platform restarts or is overloaded: the work goes on, and so does who follows it. */
async function look(client: Client, repo: Repo, work: string): Promise<Work | undefined> {
  try {
    return await getWork(client, repo, work)
  } catch (error) {
    if (
      error instanceof Unreachable ||
      (error instanceof ApiProblem && [502, 503, 504].includes(error.status))
    )
      return undefined
    throw error
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })
}
