import type { Tasker } from '../tasker.ts'
import type { Snapshot } from './snapshot.ts'

export interface NewVariable {
  name: string
  value: unknown
}

/** A step `devops var set`: done by the platform. To do it twice leaves the same value. */
export async function setVariable(
  { bus }: Tasker,
  { work }: Snapshot,
  { name, value }: NewVariable,
): Promise<void> {
  await bus.ask('registry.set_variable', {
    repo: work.repo,
    scope: 'repo',
    name,
    value,
    by: JSON.parse(work.cause).by,
    source: { kind: 'run', id: work.id },
  })
}
