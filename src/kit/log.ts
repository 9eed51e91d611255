import { pino } from 'pino'

/** The platform's own log: JSON lines (pino). Never for output of nodes: that is the logger service's. */
export interface Log {
  debug(data: object, text: string): void
  info(data: object, text: string): void
  warn(data: object, text: string): void
  error(data: object, text: string): void
  child(bindings: object): Log
}

/** `onEntry` sees each entry too, as the JSON that was written. */
export function createLog(level = 'info', destination?: string, onEntry?: (entry: string) => void): Log {
  const out = pino.destination({ dest: destination ?? 2, sync: true })
  return pino(
    {
      level,
      base: undefined,
      redact: {
        paths: ['password', 'token', 'privateKey', '*.password', '*.token', '*.privateKey'],
        censor: '***',
      },
    },
    onEntry ? both(out, onEntry) : out,
  )
}

const both = (out: { write(text: string): unknown }, onEntry: (entry: string) => void) => ({
  write(text: string) {
    out.write(text)
    onEntry(text)
  },
})

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
}
