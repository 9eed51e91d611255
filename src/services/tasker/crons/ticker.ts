import { createRun } from '../runs/create.ts'
import type { ScheduleRow } from '../tables.ts'
import type { Tasker } from '../tasker.ts'
import { withTips } from '../tips.ts'
import type { Turn } from '../turn.ts'
import { createArming } from './arming.ts'
import { dueSlots, nextSlot } from './slots.ts'

/** Milliseconds between two looks at the clock, at most: so a clock that is set is seen soon. */
const LONGEST = 30_000
/** After which a slot is tried again. */
const AGAIN = 10_000

/** Starts the tasks whose slots have come. */
export function createTicker(tasker: Tasker): AsyncDisposable & { poke(): void } {
  const { clock, log } = tasker
  let stopped = false
  let round: Promise<void> | undefined
  let again = false
  const arm = createArming(tasker)
  let armed = false
  let cancelTimer = clock.after(0, poke)

  function poke(): void {
    if (stopped) return
    again = true
    if (round) return
    cancelTimer()
    again = false
    round = look()
      .catch((error: unknown) => {
        log.error({ err: error }, 'crons could not be looked at')
        return LONGEST
      })
      .then((wait) => {
        round = undefined
        if (!stopped) cancelTimer = clock.after(again ? 0 : wait, poke)
      })
  }

  async function look(): Promise<number> {
    // Lines that are armed do not wait for those that cannot be armed yet.
    armed ||= await arm().catch((error: unknown) => {
      log.warn({ err: error }, 'the repositories could not be listed for their crons yet')
      return false
    })
    const wait = await fireDue(tasker)
    return armed ? wait : Math.min(wait, AGAIN)
  }

  return {
    poke,
    async [Symbol.asyncDispose]() {
      stopped = true
      cancelTimer()
      await round
      cancelTimer()
    },
  }
}

/** Returns how long nothing is to be done, in milliseconds. */
async function fireDue(tasker: Tasker): Promise<number> {
  const { db, clock, log } = tasker
  const now = clock.now()
  const due = await db
    .selectFrom('tasker_schedules')
    .selectAll()
    .where('next_at', '<=', now)
    .orderBy('next_at')
    .execute()
  // One that cannot be started now (git is away) holds up no other.
  let failed = false
  for (const row of due)
    await fire(tasker, row).catch((error: unknown) => {
      failed = true
      log.warn({ err: error, repo: row.repo, task: row.task }, 'a cron could not start its task yet')
    })
  if (failed) return AGAIN
  const next = await db
    .selectFrom('tasker_schedules')
    .select(({ fn }) => fn.min('next_at').as('at'))
    .executeTakeFirst()
  const at = next?.at ?? null
  return at === null ? LONGEST : Math.min(LONGEST, Math.max(0, Number(at) - clock.now()))
}

/** The runs of a slot and the moment of the next are one transaction: whatever dies, a slot has its run once. */
async function fire(tasker: Tasker, due: ScheduleRow): Promise<void> {
  const { repo } = due
  // Before the transaction, which holds up everybody.
  const { runs, left, more } = dueSlots(due, Number(due.next_at), tasker.clock.now())
  await withTips(tasker, [repo], tasker.turns.take, async (turn, [tip]) => {
    const task = tip?.tasks.find(({ id }) => id === due.task)
    const row = await findSchedule(turn, due)
    if (!row || row.next_at !== due.next_at || row.missed !== due.missed) return
    if (left > 0) noteMissed(turn, row, { runs: runs.length, left, more })
    for (const slot of tip && task ? runs : []) {
      const cause = { kind: 'cron' as const, by: 'devo.ps', detail: causeOf(row, slot), depth: 0 }
      if (tip && task) await createRun(turn, { tip, task, vars: {}, cause })
    }
    await moveOn(turn, row)
  })
}

const causeOf = ({ cron, timezone }: ScheduleRow, slot: number) =>
  `${cron} (${timezone}) of ${new Date(slot).toISOString().slice(0, 16)}Z`

function noteMissed(
  turn: Turn,
  { repo, task, cron, missed }: ScheduleRow,
  { runs, left, more }: { runs: number; left: number; more: boolean },
): void {
  const rest = runs === 0 ? 'none is made up for' : `${runs} ${runs === 1 ? 'is' : 'are'} run`
  const count = `${more ? 'more than ' : ''}${left + runs}`
  const text = `${count} slots of ${cron} have come while nobody looked: ${rest} (missed: ${missed})`
  turn.note({ repo, task, level: 'warn', text })
}

const same = (row: ScheduleRow) => ({
  repo: row.repo,
  task: row.task,
  cron: row.cron,
  timezone: row.timezone,
})

const findSchedule = ({ db }: Turn, row: ScheduleRow): Promise<ScheduleRow | undefined> =>
  db
    .selectFrom('tasker_schedules')
    .selectAll()
    .where((eb) => eb.and(same(row)))
    .executeTakeFirst()

async function moveOn({ db, now }: Turn, row: ScheduleRow): Promise<void> {
  const next_at = nextSlot(row, now)
  const where = same(row)
  if (next_at === null)
    await db
      .deleteFrom('tasker_schedules')
      .where((eb) => eb.and(where))
      .execute()
  else
    await db
      .updateTable('tasker_schedules')
      .set({ next_at })
      .where((eb) => eb.and(where))
      .execute()
}
