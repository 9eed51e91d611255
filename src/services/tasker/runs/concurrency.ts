import { supersedeWork } from '../states.ts'
import type { WorkRow } from '../tables.ts'
import type { Turn } from '../turn.ts'
import type { NeverBegun } from '../works.ts'
import type { RunWish } from './create.ts'
import { announceEnd } from './finish.ts'
import { advanceLater, skipPending } from './steps.ts'

/** What a new run does about others of its task. Returns why it does not begin. */
export async function makeRoom(turn: Turn, { tip, task, cause }: RunWish): Promise<NeverBegun | undefined> {
  if (task.concurrency === undefined || task.concurrency === 'queue') return undefined
  const open = await openRuns(turn, tip.repo, task.id)
  const [first] = open
  if (!first) return undefined
  if (task.concurrency === 'skip')
    return { state: 'superseded', error: `run ${first.id} of this task goes on still (concurrency: skip)` }
  for (const work of open) await replace(turn, work, `a newer run (${cause.by})`)
  return undefined
}

const openRuns = (turn: Turn, repo: string, task: string): Promise<WorkRow[]> =>
  turn.db
    .selectFrom('tasker_works')
    .selectAll()
    .where('repo', '=', repo)
    .where('kind', '=', 'run')
    .where('task', '=', task)
    .where('state', 'in', ['waiting', 'running'])
    .orderBy('seq')
    .execute()

/** One that waits gives way at once; one that runs is stopped, and holds its nodes until then. */
async function replace(turn: Turn, work: WorkRow, by: string): Promise<void> {
  if (work.state === 'waiting') {
    await supersedeWork(turn, work)
    await skipPending(turn, work.id)
    await announceEnd(turn, work, `replaced by ${by}`)
    return
  }
  if (work.cancelled_by !== null) return
  await turn.db.updateTable('tasker_works').set({ cancelled_by: by }).where('id', '=', work.id).execute()
  await skipPending(turn, work.id)
  await advanceLater(turn, work.id, 'replaced', 0)
}
