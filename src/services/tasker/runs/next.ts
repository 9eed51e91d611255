import type { RunStepRow } from '../tables.ts'

export type Next =
  | { do: 'start'; step: number }
  /** Steps run: their end is an event. */
  | { do: 'wait' }
  | { do: 'finish' }

const broken = new Set<RunStepRow['state']>(['failure', 'unknown', 'stopped'])

/** The next thing that a run needs, from its steps alone: so it can be asked at any time, and twice. */
export function nextOf(steps: readonly RunStepRow[], cancelled: boolean): Next {
  if (steps.some((step) => step.state === 'running')) return { do: 'wait' }
  const pending = steps.filter((step) => step.state === 'pending').map((step) => step.step)
  if (cancelled || brokenStep(steps) || pending.length === 0) return { do: 'finish' }
  return { do: 'start', step: Math.min(...pending) }
}

/** The first step that did not succeed. An unknown outcome counts as one: nobody knows what later steps would meet. */
export const brokenStep = (steps: readonly RunStepRow[]): RunStepRow | undefined =>
  steps.find((step) => broken.has(step.state))

export function brokenSentence(step: RunStepRow): string {
  const where = `step ${step.step + 1} "${step.name}"`
  const why = step.error ?? (step.exit === null ? 'no reason was given' : `exit ${step.exit}`)
  if (step.state === 'unknown') {
    return `the outcome of ${where} on ${step.node} is unknown, and it was not run again: ${why}`
  }
  return step.state === 'stopped'
    ? `${where} was stopped on ${step.node}`
    : `${where} failed on ${step.node}: ${why}`
}
