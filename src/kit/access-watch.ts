import type { Clock } from './clock.ts'
import { isProblem, type Problem } from './problem.ts'

/** Milliseconds between two looks whether who is served may still be. */
const LOOK = 2000

/**
 * Looks again and again while something is served, and calls `cut` once `check` is refused: a key that was removed, a
 * token that was revoked, a collaborator who is none any more. A profiles service that is away for a moment cuts nobody.
 */
export function watchAccess(
  clock: Clock,
  check: () => Promise<unknown>,
  cut: (why: Problem) => void,
): () => void {
  let over = false
  let undo = clock.after(LOOK, look)
  function look(): void {
    check().then(again, (error) => {
      if (!isProblem(error) || error.status >= 500) again()
      else if (!over) cut(error)
    })
  }
  function again(): void {
    if (!over) undo = clock.after(LOOK, look)
  }
  return () => {
    over = true
    undo()
  }
}
