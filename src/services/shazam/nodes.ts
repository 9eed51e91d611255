import type { Lease } from '#bus'
import type { NodeJob } from '#contracts/shazam.ts'
import { isProblem } from '#kit/problem.ts'
import { convergeNode } from './converge-node.ts'
import { destroyNode } from './destroy-node.ts'
import { failureOf, isAwaited } from './failures.ts'
import { type Feed, openFeed } from './feed.ts'
import { keepServers, type ServerKeeper } from './servers.ts'
import type { Shazam } from './shazam.ts'
import type { OpenWishes } from './wishes.ts'

export type Verb = 'create' | 'update' | 'delete'

/** One attempt of one work on one node. */
export interface Effort {
  shazam: Shazam
  openWishes: OpenWishes
  job: NodeJob
  feed: Feed
  servers: ServerKeeper
  signal: AbortSignal
  /** An older attempt that is still at work cannot overwrite what this one records. */
  fence: { work: string; attempt: number }
  /** Announces what is being done; what ends it is announced under the same verb. */
  begin(verb: Verb): Promise<void>
}

/**
 * The worker of `shazam.nodes`. Whatever happens, a work's attempt ends with one event: its id is made of both, so that
 * a second end, of a redelivered job or of a worker that was thought dead, is no event at all.
 */
export const workOnNode = (shazam: Shazam, openWishes: OpenWishes) => async (job: NodeJob, lease: Lease) => {
  const { bus, clock, log } = shazam
  const { goal, promised: _, agreed: _agreed, ...work } = job
  const { repo, node } = job
  const started = clock.steady()
  const subject = `${repo}/${node}`
  const id = `${job.work}/${job.attempt}`
  const feed = openFeed(shazam, { repo, node, work: job.work })
  let verb: Verb = goal === 'destroy' ? 'delete' : 'update'
  const effort: Effort = {
    shazam,
    openWishes,
    job,
    feed,
    servers: keepServers(shazam),
    signal: lease.signal,
    fence: { work: job.work, attempt: job.attempt },
    async begin(now) {
      verb = now
      await bus.publish(`node.*.${now}.start`, { id: `${id}/start`, name: node, subject, data: work })
    },
  }
  const event = { id: `${id}/end`, name: node, subject }
  try {
    const changed = goal === 'destroy' ? await destroyNode(effort) : await convergeNode(effort)
    await feed.flush()
    const data = { ...work, changed, ms: Math.round(clock.steady() - started) }
    await lease.once(async (tx) => void (await bus.publish(`node.*.${verb}.success`, { ...event, data }, tx)))
  } catch (error) {
    // The bus stops, or another has the job: it is done again, or was already. That is no end of the work.
    if (lease.signal.aborted) throw error
    const failure = failureOf(error)
    if (isAwaited(error)) {
      const data = { ...work, reason: failure.error }
      await feed.flush().catch(() => {})
      await lease.once(async (tx) => void (await bus.publish('node.*.waits', { ...event, data }, tx)))
      return
    }
    // A plan is applied once: what a second attempt would meet is not what was looked at.
    if (job.promised) failure.retry = false
    if (!isProblem(error))
      log.warn({ err: error, repo, node, work: job.work }, 'a node could not be worked on')
    feed.line('platform', failure.error.message, 'error')
    await feed.flush().catch(() => {})
    const data = { ...work, ...failure }
    await lease.once(async (tx) => void (await bus.publish(`node.*.${verb}.error`, { ...event, data }, tx)))
  }
}
