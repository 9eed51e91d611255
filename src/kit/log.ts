import { pino } from 'pino'

/** The platform's own log: JSON lines (pino). Never for output of nodes: that is the logger service's. */
export interface Log {
  debug(data: object, text: string): void
  info(data: object, text: string): void
  warn(data: object, text: string): void
  error(data: object, text: string): void
  child(bindings: object): Log
}

export function createLog(level = 'info', destination?: string): Log {
  return pino(
    {
      level,
      base: undefined,
      redact: {
        paths: ['password', 'token', 'privateKey', '*.password', '*.token', '*.privateKey'],
        censor: '***',
      },
    },
    pino.destination({ dest: destination ?? 2, sync: true }),
  )
}

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
}
