import type Type from 'typebox'
import type { Line } from '#contracts/logger.ts'
import type { Run } from '#contracts/tasker.ts'

/**
 * Inside, a step is a position from 0. People count from 1: in this API, in the command line, in messages, in templates
 * and in what is forwarded, so that a number means one step wherever it is read.
 */
type RunView = Type.Static<typeof Run>

export const countedLine = (line: Line): Line =>
  line.step === undefined ? line : { ...line, step: line.step + 1 }

export const countedRun = (run: RunView): RunView => ({
  ...run,
  steps: run.steps.map((each) => ({ ...each, step: each.step + 1 })),
})

export const countedRuns = (runs: readonly RunView[]): RunView[] => runs.map(countedRun)

/** The filter of a query, as the logger wants it. */
export const position = <F extends { step?: number }>(filter: F): F =>
  filter.step === undefined ? filter : { ...filter, step: filter.step - 1 }
