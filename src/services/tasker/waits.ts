import type { Kysely } from 'kysely'
import type { Consent } from '#contracts/tasker.ts'
import { clockTime, describeWork, duration } from './lines.ts'
import { type LimitName, limitNameOf, type Places, readPlaces } from './places.ts'
import { findHolders } from './queue.ts'
import { approvers, consentsOf, missing } from './runs/consent.ts'
import type { Tables, WorkRow } from './tables.ts'
import type { Tasker } from './tasker.ts'
import { findWorks } from './works.ts'

/** Error code of shazam: a value of another node is not known yet. */
export const UNRESOLVED = 'unresolved'
/** Error code of shazam: nobody has linked a machine to the node yet. */
export const UNLINKED = 'unlinked'

/** Whether a work waits for something that is to come, and has not failed. */
export const isAwaiting = (code: string | null): boolean => code === UNRESOLVED || code === UNLINKED

/** Why works wait, by id: computed when asked, so it is never out of date. None for one that does not, or is about to start. */
export type Waits = ReadonlyMap<string, string>

export async function readWaits(
  { db, clock, limit }: Pick<Tasker, 'db' | 'clock' | 'limit'>,
  works: readonly WorkRow[],
): Promise<Waits> {
  const now = clock.now()
  const waiting = works.filter(({ state }) => state === 'waiting')
  const [due, later] = partition(waiting, ({ run_at }) => run_at <= now)
  const blockers = await readBlockers(db, due)
  const consents = await consentsOf(db, later.map(idOf))
  const places = waiting.length > 0 ? await readPlaces(db, limit) : undefined
  const sentences = new Map<string, string>()
  for (const work of later) sentences.set(work.id, timeSentence(work, consents.get(work.id), now))
  for (const work of due) {
    const blocker = blockers.get(work.id)
    const sentence = blocker ? nodeSentence(blocker, now) : places && placeSentence(work, places)
    if (sentence) sentences.set(work.id, sentence)
  }
  return sentences
}

const idOf = ({ id }: WorkRow) => id

function partition<T>(all: readonly T[], fits: (one: T) => boolean): [T[], T[]] {
  const parts: [T[], T[]] = [[], []]
  for (const one of all) parts[fits(one) ? 0 : 1].push(one)
  return parts
}

interface Blocker {
  node: string
  holder: WorkRow | undefined
}

/** Another work runs on one of its nodes, or came earlier and waits for it. */
async function readBlockers(db: Kysely<Tables>, works: readonly WorkRow[]): Promise<Map<string, Blocker>> {
  const held = (await findHolders(db, works.map(idOf))).filter(({ holder }) => holder !== null)
  const holders = await findWorks(db, [...new Set(held.map(({ holder }) => holder ?? ''))])
  const blockers = new Map<string, Blocker>()
  for (const { work, node, holder } of held)
    if (!blockers.has(work)) blockers.set(work, { node, holder: holders.get(holder ?? '') })
  return blockers
}

const words: Record<LimitName, [one: string, more: string]> = {
  runs_at_once: ['run', 'runs'],
  node_works_at_once: ['sync or destroy', 'syncs and destroys'],
}

/** `1 run of ann/shop goes on`, `20 runs of ann/shop go on` */
const goOn = (count: number, one: string, more: string, of = ''): string =>
  count === 1 ? `1 ${one}${of} goes on` : `${count} ${more}${of} go on`

function placeSentence({ repo, kind }: WorkRow, places: Places): string | null {
  const name = limitNameOf(kind)
  const limit = places.limitsOf(repo)[name]
  if (places.runningOf(repo)[name] >= limit)
    return `waits for a place: ${goOn(limit, ...words[name], ` of ${repo}`)}, as many as may (setting ${name})`
  if (places.running >= places.limit)
    return `waits for a place: ${goOn(places.limit, 'work', 'works')}, as many as may on this platform`
  return null
}

function timeSentence(work: WorkRow, consent: Consent | undefined, now: number): string {
  return consent && missing(consent)
    ? `waits for approval by ${approvers(consent)}, until ${clockTime(consent.until)}`
    : pauseSentence(work, work.run_at - now)
}

function pauseSentence(work: WorkRow, ms: number): string {
  if (work.attempt === 1) return `starts in ${duration(ms)}, with all that changes until then`
  if (work.error_code === UNLINKED) return work.error ?? 'waits to be linked'
  if (work.error_code === UNRESOLVED) return `waits for another node: ${work.error}`
  return `next attempt ${work.attempt} in ${duration(ms)}: ${work.error}`
}

function nodeSentence({ node, holder }: Blocker, now: number): string {
  if (!holder) return `waits for node ${node}`
  const what = `waits for node ${node}: ${describeWork(holder)}`
  if (holder.state === 'waiting') return `${what} came before and waits too`
  return `${what}, ${duration(now - (holder.started_at ?? now))}`
}
