import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root, type TestFile } from './tests.ts'

export type Outcome = 'killed' | 'timed out' | 'survived'

interface Known {
  outcome: Outcome
  /** The tests that said so, by path -> hash: the one that failed, or all that passed. */
  by: Record<string, string>
}

const folder = join(root, '.cache/mutate')

/**
 * What earlier runs of a file found, kept after each mutant. A changed file, or a changed test, is judged again; with
 * `trust`, what was killed is not, though its test has changed.
 */
export function openResults(file: string, source: string, tests: TestFile[], trust: boolean) {
  const path = join(folder, `${file.replaceAll('/', '__')}.json`)
  const kept = read(path)
  const mutants = kept?.source === source ? kept.mutants : {}
  const hashes = Object.fromEntries(tests.map((test) => [test.path, test.hash]))
  const isSame = ({ outcome, by }: Known) =>
    Object.entries(by).every(([test, hash]) => hashes[test] === hash) &&
    (outcome === 'killed' || Object.keys(by).length === tests.length)
  return {
    find(id: string): Outcome | undefined {
      const known = mutants[id]
      return known && ((trust && known.outcome === 'killed') || isSame(known)) ? known.outcome : undefined
    },
    /** `by`: the test that did not pass; absent: all of them passed. */
    keep(id: string, outcome: Outcome, by?: TestFile): void {
      mutants[id] = { outcome, by: by && outcome === 'killed' ? { [by.path]: by.hash } : hashes }
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, JSON.stringify({ source, mutants }))
    },
  }
}

function read(path: string): { source: string; mutants: Record<string, Known> } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
