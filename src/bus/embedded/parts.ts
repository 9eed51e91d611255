import type { Store } from '#store'
import type { Clock } from '../../kit/clock.ts'
import type { Log } from '../../kit/log.ts'
import type { BusTables } from './schema.ts'

export interface EmbeddedParts {
  store: Store
  clock: Clock
  log: Log
  /** CloudEvents `source` of what is published here. */
  source: string
}

export interface BusParts extends Omit<EmbeddedParts, 'store'> {
  store: Store<BusTables>
}

/** A write of its own would wait for the transaction around it. */
export function refuseInside(store: Pick<Store, 'insideTransaction'>, what: string): void {
  if (store.insideTransaction())
    throw new Error(
      `${what} inside a transaction would wait for itself: ask before it, and hand \`tx\` to publish and send`,
    )
}

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
