import type { BusEvent, Delivery } from '#bus'
import { skipPending } from './runs/steps.ts'
import { cancelWork } from './states.ts'
import type { WorkRow } from './tables.ts'
import type { Turn, Turns } from './turn.ts'

/** A repository that is gone asks for nothing any more; another of the same name begins anew. What runs ends by itself. */
export const onDeleted = (turns: Turns) => async (event: BusEvent<'repo.deleted'>, delivery: Delivery) => {
  const { repo, by } = event.data
  await turns.once(delivery, async (turn) => {
    for (const work of await waitingWorks(turn, repo)) {
      await cancelWork(turn, work, by)
      await skipPending(turn, work.id)
    }
    await turn.db.deleteFrom('tasker_triggers').where('repo', '=', repo).execute()
    await turn.db.deleteFrom('tasker_limits').where('repo', '=', repo).execute()
    await turn.db.deleteFrom('tasker_schedules').where('repo', '=', repo).execute()
    await turn.db.deleteFrom('tasker_deliveries').where('repo', '=', repo).execute()
    await turn.db.deleteFrom('tasker_watches').where('repo', '=', repo).execute()
    await turn.db.deleteFrom('tasker_looks').where('repo', '=', repo).execute()
    await turn.db.deleteFrom('tasker_plans').where('repo', '=', repo).execute()
    await turn.db.deleteFrom('tasker_nodes').where('repo', '=', repo).execute()
  })
}

const waitingWorks = (turn: Turn, repo: string): Promise<WorkRow[]> =>
  turn.db
    .selectFrom('tasker_works')
    .selectAll()
    .where('repo', '=', repo)
    .where('state', '=', 'waiting')
    .orderBy('seq')
    .execute()
