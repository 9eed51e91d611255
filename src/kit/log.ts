import { pino } from 'pino'

/** The platform's own log: JSON lines (pino). Never for output of nodes: that is the logger service's. */
export interface Log {
  debug(data: object, text: string): void
  info(data: object, text: string): void
  warn(data: object, text: string): void
  error(data: object, text: string): void
  child(bindings: object): Log
}

/** Bytes of entries that wait for a log that cannot be written; what comes beyond is dropped. */
const LONGEST_WAIT = 1024 * 1024

/** `onEntry` sees each entry too, as the JSON that was written. */
export function createLog(level = 'info', destination?: string, onEntry?: (entry: string) => void): Log {
  const out = pino.destination({ dest: destination ?? 2, sync: true, maxLength: LONGEST_WAIT })
  // A log that cannot be written (its disk is full, its reader has left) stops no work. Entries that could not be written
  // wait in the destination's buffer, as much as it may hold.
  out.on('error', () => {})
  // A full buffer is only written when somebody asks for it.
  out.on('drop', () => {
    try {
      out.flushSync()
    } catch {
      // Not yet.
    }
  })
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
