import { createHash } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { BusEvent, Delivery } from '#bus'
import type { EventData, EventPattern } from '#contracts'
import type { Infrastructure } from '#contracts/descriptors.ts'
import type { Cause } from '#contracts/tasker.ts'
import { newId } from '#kit/ids.ts'
import { eventMatches } from '#language'
import { deepestSince } from './depth.ts'
import { createRun } from './runs/create.ts'
import { causeOf, type Tables } from './tables.ts'
import type { Tasker } from './tasker.ts'
import { withTips } from './tips.ts'
import type { Turn } from './turn.ts'
import { findWork } from './works.ts'

/** Events that may start a task; `repo.pushed` is seen by the handler that arms the triggers, once they are armed. */
export const triggerEvents = [
  'node.*.create.start',
  'node.*.create.success',
  'node.*.create.error',
  'node.*.update.start',
  'node.*.update.success',
  'node.*.update.error',
  'node.*.delete.start',
  'node.*.delete.success',
  'node.*.delete.error',
  'node.*.drift',
  'node.*.up',
  'node.*.down',
  'task.*.run.start',
  'task.*.run.success',
  'task.*.run.error',
] as const satisfies readonly EventPattern[]

type TriggerEvent = BusEvent<(typeof triggerEvents)[number] | 'repo.pushed'>

/** The triggers of a repository are those of its tip, and no others. */
export async function armTriggers(turn: Turn, { repo, tasks }: Infrastructure): Promise<void> {
  await turn.db.deleteFrom('tasker_triggers').where('repo', '=', repo).execute()
  const rows = tasks.flatMap((task) =>
    [...new Set(task.triggers.events)].map((pattern) => ({ repo, task: task.id, pattern })),
  )
  if (rows.length > 0) await turn.db.insertInto('tasker_triggers').values(rows).execute()
}

export const onTrigger = (tasker: Tasker) => async (event: TriggerEvent, delivery: Delivery) => {
  if ((await tasksFor(tasker.db, event)).length === 0) return
  await withTips(tasker, [event.data.repo], tasker.turns.onceOf(delivery), async (turn, [tip]) => {
    if (tip) await startTriggered(turn, event, tip)
  })
}

/** Starts each task that listens for the event, once: the run's id comes from event and task. */
export async function startTriggered(turn: Turn, event: TriggerEvent, tip: Infrastructure): Promise<void> {
  const wanted = await tasksFor(turn.db, event)
  if (wanted.length === 0) return
  const cause = await causeFrom(turn, event)
  for (const task of tip.tasks) {
    if (!wanted.includes(task.id)) continue
    await createRun(turn, { id: runIdFor(event, task.id), tip, task, vars: {}, cause, event: seen(event) })
  }
}

/** As templates see it: `event.node` as well as `event.data.node`; what is the event's own wins. */
const seen = (event: TriggerEvent): object => ({ ...event.data, ...event })

async function tasksFor(db: Kysely<Tables>, event: TriggerEvent): Promise<string[]> {
  const rows = await db
    .selectFrom('tasker_triggers')
    .selectAll()
    .where('repo', '=', event.data.repo)
    .execute()
  return rows.filter(({ pattern }) => eventMatches(pattern, event.type)).map(({ task }) => task)
}

/** Who stands at the beginning of the chain, and how long the chain is by now. */
async function causeFrom(turn: Turn, event: TriggerEvent): Promise<Cause> {
  const work = await originOf(turn, event)
  const row = work === null ? undefined : await findWork(turn.db, work)
  const origin = row ? causeOf(row) : undefined
  const by = origin?.by ?? ('by' in event.data ? event.data.by : event.source)
  return { kind: 'event', by, detail: event.type, depth: (origin?.depth ?? 0) + 1 }
}

/** Milliseconds for which a node that goes down or comes up is taken to do so because of the works on it. */
const SHAKEN = 5 * 60_000

async function originOf({ db }: Turn, { pattern, data, time }: TriggerEvent): Promise<string | null> {
  if ('run' in data) return data.run
  if ('work' in data) return data.work
  if (pattern !== 'node.*.up' && pattern !== 'node.*.down') return null
  const { repo, node } = data as EventData<'node.*.up'>
  return (await deepestSince(db, { repo, node }, time - SHAKEN))?.work ?? null
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** Sorts by time like any other id. */
export function runIdFor(event: { id: string; time: number }, task: string): string {
  const digest = createHash('sha256').update(`${event.id}\n${task}`).digest()
  const chance = Array.from(digest.subarray(0, 10), (byte) => ALPHABET[byte % 32]).join('')
  return newId(event.time).slice(0, 9) + chance
}
