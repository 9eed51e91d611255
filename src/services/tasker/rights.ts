import type { Action } from '#contracts/profiles.ts'
import { stillMay } from '#kit/still-may.ts'
import type { Tasker } from './tasker.ts'
import { Moved, untilStill } from './tips.ts'
import type { Turn } from './turn.ts'

/**
 * How long ago a question may be in the turn that relies on its answer, in milliseconds. No turn may wait for a neighbour,
 * so rights are asked for right before it; but the turn itself may be long in coming.
 */
const FRESH = 2_000

/** Takes a turn with an answer of a neighbour; throws what `untilStill` waits for when the answer is too old by then. */
export async function takeWith<A, T>(
  { turns, clock }: Tasker,
  ask: () => Promise<A>,
  act: (turn: Turn, answer: A) => Promise<T>,
): Promise<T> {
  const asked = clock.steady()
  const answer = await ask()
  return turns.take(async (turn) => {
    if (clock.steady() - asked > FRESH) throw new Moved('the turn was long in coming')
    return act(turn, answer)
  })
}

/** Turns of somebody who must have the right still: `take` of `withTip`. */
export const takeFor =
  (tasker: Tasker, by: string, action: Action, repo: string) =>
  <T>(act: (turn: Turn) => Promise<T>): Promise<T> =>
    takeWith(tasker, () => stillMay(tasker.bus, by, action, repo), act)

/** One such turn, for what needs no tip. */
export const turnFor = <T>(
  tasker: Tasker,
  by: string,
  action: Action,
  repo: string,
  act: (turn: Turn) => Promise<T>,
): Promise<T> => untilStill(() => takeFor(tasker, by, action, repo)(act))
