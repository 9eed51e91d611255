import type { Check } from './io.ts'
import { count, type Paint, printable } from './text.ts'

const colours = { good: 'green', warning: 'yellow', bad: 'red' } as const

/** A line for each look, what to do below it, and how many are not good. */
export function showChecks(checks: readonly Check[], paint: Paint): string {
  const width = Math.max(...checks.map(({ check }) => check.length))
  const lines = checks.flatMap(({ check, state, says, advice }) => [
    `${paint(colours[state], state.padEnd(7))}  ${check.padEnd(width)}  ${printable(says)}`,
    ...(advice === null ? [] : [`${' '.repeat(9)}${' '.repeat(width)}  -> ${printable(advice)}`]),
  ])
  const number = (state: Check['state']) => checks.filter((one) => one.state === state).length
  const last = `${count(checks.length, 'check')}: ${number('bad')} bad, ${count(number('warning'), 'warning')}.`
  return `${[...lines, last].join('\n')}\n`
}
