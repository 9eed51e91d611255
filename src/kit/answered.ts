import { Problem } from './problem.ts'

/**
 * For an answer that a loss, a right or a consent hangs on: no answer is never an answer. Throws `unanswered` with what
 * could not be told, whatever went wrong.
 */
export async function answered<T>(question: string, asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (cause) {
    throw new Problem('unanswered', { question, reason: Problem.of(cause).message }, { cause })
  }
}
