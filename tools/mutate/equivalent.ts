import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Mutant } from './mutants.ts'

/** A change that no test can notice, because the program does the same. */
export interface Equivalent {
  file: string
  within: string
  before: string
  after: string
  reason: string
}

export const equivalents = (): Equivalent[] =>
  JSON.parse(readFileSync(join(import.meta.dirname, 'equivalent.json'), 'utf8'))

export const isSetAside = (file: string, mutant: Mutant): boolean =>
  equivalents().some(
    (each) =>
      each.file === file &&
      each.within === mutant.within &&
      each.before === mutant.before &&
      each.after === mutant.after,
  )
