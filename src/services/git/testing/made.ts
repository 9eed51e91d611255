import type { Input } from '#contracts'
import type { FileChange } from '#contracts/files.ts'
import type { Fixture } from './fixture.ts'

export const repo = 'ann/infra'

/** A commit through the call that the API asks. */
export const make = (
  fixture: Fixture,
  parent: string | null,
  changes: FileChange[],
  more: Partial<Input<'git.commit'>> = {},
) => fixture.bus.ask('git.commit', { repo, by: 'ann', message: 'edit', parent, changes, ...more })
