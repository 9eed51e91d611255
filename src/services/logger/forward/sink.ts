import type { Line } from '#contracts/logger.ts'

/** Where lines go besides the store. */
export interface Sink extends AsyncDisposable {
  /** Names it, also over restarts: what it has got is remembered under this name. */
  readonly name: string
  /** Resolves when the other side has them, as far as its protocol can tell. Throws when it does not: they come again. */
  send(lines: readonly Line[], signal: AbortSignal): Promise<void>
}
