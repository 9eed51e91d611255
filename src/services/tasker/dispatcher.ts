import type { Kysely } from 'kysely'
import type { Clock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import { closedRepositories } from './deletions.ts'
import { share } from './dispatch.ts'
import { clockTime, describeWork } from './lines.ts'
import { readPlaces } from './places.ts'
import { findCandidates, nextDue, nextTurn, wakeDue } from './queue.ts'
import { findConsent, missing, withholdConsent } from './runs/consent.ts'
import { findSnapshot } from './runs/snapshot.ts'
import { advanceLater } from './runs/steps.ts'
import { startWork } from './states.ts'
import { causeOf, nodesOf, type Tables, type WorkRow } from './tables.ts'
import type { Turn, Turns } from './turn.ts'
import { findWork, findWorks } from './works.ts'

/** Milliseconds until a dispatch that failed is tried again. */
const PAUSE_AFTER_ERROR = 1_000

export interface Dispatcher extends AsyncDisposable {
  /** Something changed: look soon whether a work may start. */
  poke(): void
  /** `turns` must not poke again by themselves. */
  begin(turns: Turns): void
}

interface Parts {
  db: Kysely<Tables>
  clock: Clock
  log: Log
  limit: number
}

export function createDispatcher({ db, clock, log, limit }: Parts): Dispatcher {
  let turns: Turns | undefined
  let wanted = false
  let loop: Promise<void> | undefined
  let cancelTimer = () => {}

  async function dispatch(turns: Turns): Promise<void> {
    while (wanted) {
      wanted = false
      cancelTimer()
      try {
        await turns.settleClock()
        // Most turns end a work that nobody waited for: without this look each would cost one more sync of the disk.
        const soonest = await nextTurn(db)
        const now = soonest !== null && soonest <= clock.now()
        const next = now ? await turns.take((turn) => startDueWorks(turn, limit)) : soonest
        if (next !== null) cancelTimer = clock.after(Math.max(0, next - clock.now()), poke)
      } catch (error) {
        log.error({ err: error }, 'works could not be dispatched')
        cancelTimer = clock.after(PAUSE_AFTER_ERROR, poke)
      }
    }
  }

  function poke(): void {
    wanted = true
    if (!turns || loop) return
    loop = dispatch(turns).finally(() => {
      loop = undefined
      if (wanted) poke()
    })
  }

  return {
    poke,
    begin(given) {
      turns = given
      poke()
    },
    async [Symbol.asyncDispose]() {
      turns = undefined
      wanted = false
      cancelTimer()
      await loop
      cancelTimer()
    },
  }
}

/** Starts all that may start and hands it out in the same transaction. Returns when the next comes due. */
async function startDueWorks(turn: Turn, limit: number): Promise<number | null> {
  for (const work of await wakeDue(turn)) await withholdUnapproved(turn, work)
  const places = await readPlaces(turn.db, limit)
  if (places.running < limit) {
    const closed = await closedRepositories(turn)
    const candidates = (await findCandidates(turn.db)).filter(({ repo }) => !closed.has(repo))
    const chosen = share(candidates, places)
    const works = await findWorks(
      turn.db,
      chosen.map(({ work }) => work),
    )
    for (const { work: id } of chosen) {
      const work = works.get(id)
      if (work) await handOut(turn, work)
    }
  }
  return nextDue(turn.db)
}

/** A run whose approval is missing comes due at the end of its time. */
async function withholdUnapproved(turn: Turn, id: string): Promise<void> {
  const consent = await findConsent(turn.db, id)
  const work = missing(consent) ? await findWork(turn.db, id) : undefined
  if (work && missing(consent))
    await withholdConsent(turn, work, `nobody approved it until ${clockTime(consent.until)}`)
}

async function handOut(turn: Turn, work: WorkRow): Promise<void> {
  await startWork(turn, work)
  if (work.kind === 'run') await handOutRun(turn, work)
  else await handOutNode(turn, work)
}

async function handOutNode(turn: Turn, work: WorkRow): Promise<void> {
  const [node = ''] = nodesOf(work)
  await turn.bus.send(
    'shazam.nodes',
    {
      id: `${work.id}.${work.attempt}`,
      payload: {
        repo: work.repo,
        node,
        work: work.id,
        commit: work.commit,
        attempt: work.attempt,
        goal: work.kind === 'destroy' ? 'destroy' : 'converge',
        agreed: await isAgreed(turn, work),
        ...(work.promised !== null && { promised: JSON.parse(work.promised) }),
      },
    },
    turn.tx,
  )
}

async function isAgreed({ db }: Turn, work: WorkRow): Promise<boolean> {
  const row = await db
    .selectFrom('tasker_nodes')
    .select('agreed')
    .where('work', '=', work.id)
    .executeTakeFirst()
  return row?.agreed === 1
}

async function handOutRun(turn: Turn, work: WorkRow): Promise<void> {
  const task = work.task ?? ''
  const data = { repo: work.repo, task, run: work.id, depth: causeOf(work).depth, error: null }
  await turn.bus.publish('task.*.run.start', { name: task, subject: `${work.repo}/${task}`, data }, turn.tx)
  await turn.bus.send('tasker.advance', { id: `${work.id}.start`, payload: { run: work.id } }, turn.tx)
  const timeout = (await findSnapshot(turn.db, work.id))?.task.timeout
  if (timeout !== undefined) await advanceLater(turn, work.id, 'late', timeout * 1000)
  turn.note({ repo: work.repo, task, work: work.id, level: 'info', text: `${describeWork(work)} starts` })
}
