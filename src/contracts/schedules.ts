import Type from 'typebox'
import { call, strict } from './define.ts'
import { Name, RepoId, Time } from './ids.ts'

/** A crontab line of a task, and when it comes next. */
export const Schedule = strict({
  repo: RepoId,
  task: Name,
  cron: Type.String(),
  /** Of the line: `Europe/Berlin`, `UTC`. */
  timezone: Type.String(),
  /** What becomes of slots that came while the platform was away. */
  missed: Type.Enum(['skip', 'once', 'all']),
  next_at: Time,
})

export const calls = {
  /** The next first. */
  'tasker.list_schedules': call(strict({ repo: RepoId }), Type.Array(Schedule)),
}

export type Schedule = Type.Static<typeof Schedule>
