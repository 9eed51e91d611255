import type { Limits, Places } from './places.ts'
import { limitNameOf } from './places.ts'
import type { Candidate } from './queue.ts'

/**
 * Which of the works that could start do. Repositories take turns: of those that have a work and may run one more, the
 * one of which the fewest works run comes first, and among equals the one whose work came first.
 */
export function share(candidates: readonly Candidate[], places: Places): Candidate[] {
  const lines = [...Map.groupBy(candidates, ({ repo }) => repo)].map(([repo, works]) =>
    openLine(repo, works, places),
  )
  const chosen: Candidate[] = []
  for (let free = places.limit - places.running; free > 0; free--) {
    const next = lines.filter(({ works }) => works.length > 0).sort(byTurn)[0]
    if (!next) break
    chosen.push(...takeFirst(next))
  }
  return chosen
}

/** A repository in its turn. */
interface Line {
  works: Candidate[]
  running: Limits
  limits: Limits
}

function openLine(repo: string, works: readonly Candidate[], places: Places): Line {
  const line = { works: [...works], running: { ...places.runningOf(repo) }, limits: places.limitsOf(repo) }
  dropLimited(line)
  return line
}

const count = ({ running }: Line): number => running.runs_at_once + running.node_works_at_once

const byTurn = (a: Line, b: Line): number =>
  count(a) - count(b) || (a.works[0]?.seq ?? 0) - (b.works[0]?.seq ?? 0)

function takeFirst(line: Line): Candidate[] {
  const taken = line.works.splice(0, 1)
  for (const { kind } of taken) line.running[limitNameOf(kind)]++
  dropLimited(line)
  return taken
}

/** Only those stay whose limit leaves room. */
function dropLimited(line: Line): void {
  const { running, limits } = line
  const full = (name: keyof Limits) => running[name] >= limits[name]
  if (full('runs_at_once') || full('node_works_at_once'))
    line.works = line.works.filter(({ kind }) => !full(limitNameOf(kind)))
}
