import type { Input } from '#contracts'
import type { Progress } from '#contracts/tasker.ts'
import type { WorkRow } from './tables.ts'
import type { Tasker } from './tasker.ts'

/** Answers `tasker.note_progress`. A late report of a work that has ended, or of an earlier attempt, is dropped. */
export async function noteProgress(
  { db }: Tasker,
  { repo, work, attempt, progress }: Input<'tasker.note_progress'>,
): Promise<void> {
  await db
    .updateTable('tasker_works')
    .set({ progress: JSON.stringify({ attempt, progress }) })
    .where('id', '=', work)
    .where('repo', '=', repo)
    .where('state', '=', 'running')
    .where('attempt', '=', attempt)
    .execute()
}

export function progressOf({ state, attempt, progress }: WorkRow): Progress | null {
  if (state !== 'running' || progress === null) return null
  const noted = JSON.parse(progress) as { attempt: number; progress: Progress }
  return noted.attempt === attempt ? noted.progress : null
}
