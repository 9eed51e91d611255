import type { Bus } from '#bus'
import type { Input } from '#contracts'
import { isProblem, Problem } from '#kit/problem.ts'
import { requireNode, requireService, requireTask } from './names.ts'
import { heartbeat, type Message } from './sse.ts'
import { countedLine } from './steps.ts'

/** How long the logger holds an empty answer back, in milliseconds. It is also the beat of an idle stream. */
const WAIT = 10_000
const BATCH = 1000
const EXPORT = 2000

type Filter = Omit<Input<'logger.query'>, 'limit' | 'wait' | 'before'> & { limit?: number }

/**
 * Lines in order of their sequence numbers, each exactly once: every question goes on where the last answer ended.
 * Without a starting point the newest `limit` lines come first. Lines that retention took before they could be sent are
 * an event `removed` with their number.
 */
export async function* followLines(
  bus: Bus,
  { limit, ...filter }: Filter,
  lastEventId: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Message> {
  let after = lastEventId === undefined ? filter.after : sequence(lastEventId)
  let told = 0
  while (!signal.aborted) {
    const answer = await ask(bus, start(filter, after, limit), signal)
    if (answer === undefined) return
    if (answer.removed && answer.removed.until > told) {
      told = answer.removed.until
      if (after !== undefined) yield { event: 'removed', data: answer.removed }
    }
    for (const line of answer.lines) yield { id: String(line.seq), event: 'line', data: countedLine(line) }
    if (answer.lines.length === 0) yield heartbeat
    // What was looked at and did not fit is not looked at again.
    after = answer.last
  }
}

/**
 * Throws when a filter names a node, task or work that is not there and of which no line is kept: a misspelt name must
 * not look like silence. What has left the repository keeps its lines, and is found by them.
 */
export async function requireNamed(
  bus: Bus,
  { repo, node, task, work, service }: Pick<Filter, 'repo' | 'node' | 'task' | 'work' | 'service'>,
): Promise<void> {
  const has = async (filter: object) =>
    (await bus.ask('logger.query', { repo, ...filter, limit: 1 })).lines.length > 0
  if (node !== undefined && !(await has({ node }))) await requireNode(bus, repo, node)
  if (task !== undefined && !(await has({ task }))) await requireTask(bus, repo, task)
  if (work !== undefined && !(await has({ work }))) await bus.ask('tasker.get_work', { repo, work })
  if (service !== undefined && !(await has({ service }))) await requireService(bus, repo, service)
}

/** All lines that fit and were there when it was asked for, oldest first. */
export async function* exportLines(
  bus: Bus,
  filter: Omit<Filter, 'limit'>,
  signal: AbortSignal,
): AsyncGenerator<Message> {
  const { last: end } = await bus.ask('logger.query', { repo: filter.repo, limit: 1 })
  for (let after = filter.after ?? 0; after < end && !signal.aborted; ) {
    const { lines, last } = await bus.ask('logger.query', { ...filter, after, limit: EXPORT }, { signal })
    for (const line of lines) if (line.seq <= end) yield { data: countedLine(line) }
    after = last
  }
}

const start = (filter: Filter, after: number | undefined, limit = 100): Input<'logger.query'> =>
  after === undefined ? { ...filter, limit } : { ...filter, after, limit: BATCH, wait: WAIT }

/** Undefined when the stream is over. */
async function ask(bus: Bus, query: Input<'logger.query'>, signal: AbortSignal) {
  try {
    return await bus.ask('logger.query', query, { signal, deadline: WAIT + 5000 })
  } catch (error) {
    if (signal.aborted || isProblem(error, 'cancelled')) return undefined
    throw error
  }
}

function sequence(id: string): number {
  if (/^\d{1,15}$/.test(id)) return Number(id)
  throw new Problem('invalid', { reason: `Last-Event-ID of a log is a sequence number, not \`${id}\`` })
}
