import { groups, users } from './account.ts'
import { answers, checks, lines } from './check.ts'
import { files, hashes } from './file.ts'
import { packages } from './package.ts'
import type { Fact } from './state.ts'
import { system } from './system.ts'
import { units } from './unit.ts'

/** In the order of the probe; `hashes` adds to what `files` found, `groups` to `users`. */
export const facts: readonly Fact[] = [
  system,
  files,
  hashes,
  packages,
  units,
  users,
  groups,
  answers,
  checks,
  lines,
]
