import type { Outcome } from './results.ts'

export interface Tally {
  file: string
  outcomes: (Outcome | 'set aside' | 'not run')[]
}

const columns = ['mutants', 'killed', 'timed out', 'survived', 'set aside', 'not run', 'killed %']

/** A row for each file, as Markdown. A mutant that only runs out of time is not killed: no assertion saw it. */
export function table(tallies: Tally[]): string {
  const head = [`| file | ${columns.join(' | ')} |`, `|---|${columns.map(() => '---:|').join('')}`]
  return [...head, ...tallies.map(row)].join('\n')
}

function row({ file, outcomes }: Tally): string {
  const count = (asked: string) => outcomes.filter((each) => each === asked).length
  const judged = outcomes.length - count('set aside') - count('not run')
  const share = judged === 0 ? '-' : ((100 * count('killed')) / judged).toFixed(0)
  const counts = ['killed', 'timed out', 'survived', 'set aside', 'not run'].map(count)
  return `| ${[file, outcomes.length, ...counts, share].join(' | ')} |`
}
