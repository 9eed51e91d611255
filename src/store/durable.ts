import { closeSync, fdatasync, openSync } from 'node:fs'
import { promisify } from 'node:util'

/** Puts what was written to a file on the disk. */
export type Sync = (fd: number) => Promise<void>

export const syncData: Sync = promisify(fdatasync)

/** Tells when what was written to a file is on the disk. */
export interface Durable {
  /** Resolves when all that was written before this call is there. Rejects when the disk does not keep it. */
  reached(): Promise<void>
  /** For whoever has put everything on the disk: from here on nothing is waited for. */
  close(): Promise<void>
}

/**
 * One sync for all who wait: what is written while one runs goes together into the next. After a sync that failed nobody
 * knows what is on the disk, so from then on every call rejects, and `onFailure` hears of it once. The file is opened at the
 * first call.
 */
export function durableFile(path: string, sync: Sync, onFailure: (error: Error) => void): Durable {
  let fd: number | undefined
  let closed = false
  let running: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined

  async function syncNow(): Promise<void> {
    if (closed) return
    fd ??= openSync(path, 'r')
    await sync(fd).catch((error: Error) => {
      onFailure(error)
      throw error
    })
  }

  return {
    reached() {
      next ??= running.then(() => {
        next = undefined
        running = syncNow()
        return running
      })
      return next
    },
    async close() {
      closed = true
      await Promise.allSettled([running, next])
      if (fd !== undefined) closeSync(fd)
      fd = undefined
    },
  }
}
