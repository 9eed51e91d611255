import type { Work } from '#contracts/tasker.ts'

/** What the decision needs of a work, in order of `seq`. */
export interface Queued {
  id: string
  repo: string
  kind: Work['kind']
  nodes: readonly string[]
  state: 'waiting' | 'running'
  run_at: number
}

export type Blocker =
  /** Its time has not come. */
  | { why: 'time'; at: number }
  /** Another work runs on one of its nodes, or came earlier and waits for it. */
  | { why: 'node'; node: string; work: string }
  /** As many works run as may. */
  | { why: 'limit' }

export interface Decision {
  start: string[]
  /** Why each of the others waits. */
  blocked: Map<string, Blocker>
  /** When the next work comes due. */
  next_at: number | null
}

/**
 * Who may start. First come, first served on each node: a due work that waits reserves all its nodes, so later works
 * cannot starve it, and as a work takes all its nodes at once, none can wait for each other. A work whose time has not
 * come reserves nothing.
 */
export function decide(works: readonly Queued[], now: number, limit: number): Decision {
  const decision: Decision = { start: [], blocked: new Map(), next_at: null }
  const holders = new Map<string, string>()
  const running = works.filter((work) => work.state === 'running')
  for (const work of running) hold(holders, work)
  let free = limit - running.length
  for (const work of works) {
    if (work.state !== 'waiting') continue
    const blocker = blockerOf(work, holders, now, free)
    if (blocker?.why !== 'time') hold(holders, work)
    else decision.next_at = Math.min(blocker.at, decision.next_at ?? blocker.at)
    if (blocker) {
      decision.blocked.set(work.id, blocker)
      continue
    }
    decision.start.push(work.id)
    free--
  }
  return decision
}

function blockerOf(work: Queued, holders: Map<string, string>, now: number, free: number): Blocker | null {
  if (work.run_at > now) return { why: 'time', at: work.run_at }
  for (const node of work.nodes) {
    const holder = holders.get(key(work.repo, node))
    if (holder !== undefined) return { why: 'node', node, work: holder }
  }
  return free > 0 ? null : { why: 'limit' }
}

/** The first to hold a node stays its holder: that is whom the others wait for. */
function hold(holders: Map<string, string>, work: Queued): void {
  for (const node of work.nodes) {
    if (!holders.has(key(work.repo, node))) holders.set(key(work.repo, node), work.id)
  }
}

const key = (repo: string, node: string) => `${repo}/${node}`
