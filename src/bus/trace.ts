import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'

const current = new AsyncLocalStorage<string>()

/** W3C trace context: of the handler that runs, or a new one. */
export const traceparent = (): string =>
  current.getStore() ?? `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`

/** Everything that `act` publishes, sends and asks belongs to this trace. */
export const withTrace = <T>(trace: string, act: () => T): T => current.run(trace, act)
