import type { Infrastructure } from '#contracts/descriptors.ts'
import type { Schedule } from '#contracts/schedules.ts'
import type { ScheduleRow } from '../tables.ts'
import type { Tasker } from '../tasker.ts'
import type { Turn } from '../turn.ts'
import { lineOf, nextSlot } from './slots.ts'

/**
 * The schedules of a repository are the lines of its tip. A line that stays keeps its next slot, so that a push in the
 * same moment loses none.
 */
export async function armSchedules({ db, now }: Turn, { repo, tasks }: Infrastructure): Promise<void> {
  const known = await db.selectFrom('tasker_schedules').selectAll().where('repo', '=', repo).execute()
  const next = new Map(known.map((row) => [keyOf(row), row.next_at]))
  const rows = tasks.flatMap((task) =>
    task.triggers.crons.flatMap((written): ScheduleRow[] => {
      const line = { repo, task: task.id, ...lineOf(written) }
      const next_at = next.get(keyOf(line)) ?? nextSlot(line, now)
      return next_at === null ? [] : [{ ...line, next_at: Number(next_at) }]
    }),
  )
  await db.deleteFrom('tasker_schedules').where('repo', '=', repo).execute()
  if (rows.length > 0) await db.insertInto('tasker_schedules').values(rows).execute()
}

export const keyOf = ({ task, cron, timezone }: Pick<ScheduleRow, 'task' | 'cron' | 'timezone'>) =>
  JSON.stringify([task, cron, timezone])

export async function listSchedules({ db }: Tasker, { repo }: { repo: string }): Promise<Schedule[]> {
  const rows = await db
    .selectFrom('tasker_schedules')
    .selectAll()
    .where('repo', '=', repo)
    .orderBy('next_at')
    .orderBy('task')
    .execute()
  return rows.map((row) => ({ ...row, next_at: Number(row.next_at) }))
}
