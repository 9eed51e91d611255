import type { Bus } from '#bus'
import type { Migration, Store } from '#store'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

/** What a service is given. It fetches nothing by itself. */
export interface Parts {
  bus: Bus
  store: Store
  clock: Clock
  log: Log
  /** Undos, run in reverse when the service stops. */
  stack: AsyncDisposableStack
}

export interface Service<Options> {
  name: string
  migrations: readonly Migration[]
  start(parts: Parts, options: Options): Promise<void>
}

/** A service is its name, its tables and how it starts. `start` pushes an undo for everything that it opens. */
export const defineService = <Options>(service: Service<Options>): Service<Options> => service

/** Migrates and starts a service; disposing of the result stops it. */
export async function startService<Options>(
  service: Service<Options>,
  parts: Omit<Parts, 'stack'>,
  options: Options,
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  await parts.store.migrate(service.migrations)
  await service.start({ ...parts, log: parts.log.child({ service: service.name }), stack }, options)
  return stack.move()
}
