import type { Tasker } from '../tasker.ts'
import { withTips } from '../tips.ts'
import { armTriggers } from '../triggers.ts'
import { armSchedules } from './schedules.ts'

/**
 * What a descriptor's triggers become in the store. Increase it when `tasker_schedules` or `tasker_triggers` changes: the
 * first start after the upgrade then reads the tips of all repositories, as a task that nobody changes gets no push.
 */
const SHAPE = 1

/** Arms the triggers and crons of every repository once after an upgrade. Call it until it returns true. */
export function createArming(tasker: Tasker): () => Promise<boolean> {
  let left: Set<string> | undefined
  return async () => {
    left ??= await outdated(tasker)
    if (left.size === 0) return true
    for (const repo of left) if (await armed(tasker, repo)) left.delete(repo)
    if (left.size === 0) await noteShape(tasker)
    return left.size === 0
  }
}

async function outdated(tasker: Tasker): Promise<Set<string>> {
  const row = await tasker.db.selectFrom('tasker_arming').select('shape').executeTakeFirst()
  if (row?.shape === SHAPE) return new Set()
  const repositories = await tasker.bus.ask('git.list_repositories', {})
  if (repositories.length === 0) await noteShape(tasker)
  return new Set(repositories.map(({ repo }) => repo))
}

/** A line that is armed keeps its next slot, so that a start between two tries loses none. */
async function armed(tasker: Tasker, repo: string): Promise<boolean> {
  try {
    await withTips(tasker, [repo], tasker.turns.take, async (turn, [tip]) => {
      if (!tip) return
      await armTriggers(turn, tip)
      await armSchedules(turn, tip)
    })
    return true
  } catch (error) {
    tasker.log.warn({ err: error, repo }, 'the triggers of a repository could not be read yet')
    return false
  }
}

const noteShape = ({ turns }: Tasker): Promise<void> =>
  turns.take(async ({ db }) => {
    await db
      .insertInto('tasker_arming')
      .values({ id: 1, shape: SHAPE })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ shape: SHAPE }))
      .execute()
  })
