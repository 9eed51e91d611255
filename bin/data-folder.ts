import { mkdirSync, type Stats, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Problem } from '#kit/problem.ts'

/**
 * The folder of everything that lasts, made when it is not there. Repositories, logs and sealed secrets are nobody
 * else's to read: a folder that is open to others is refused, as the master key is. Throws `conflict`.
 */
export function openDataFolder(folder: string): void {
  const { mode: bits, uid } = madeFolder(folder)
  const me = process.getuid?.()
  if (me !== undefined && me !== 0 && me !== uid)
    throw new Problem('conflict', {
      reason: `The data folder ${folder} belongs to user ${uid}, and this is user ${me}: run the command as its owner`,
    })
  const mode = bits & 0o777
  if ((mode & 0o077) === 0) return
  throw new Problem('conflict', {
    reason: `The data folder ${folder} is open to others (mode ${mode.toString(8)}): run \`chmod 700 ${folder}\``,
  })
}

function madeFolder(folder: string): Stats {
  try {
    makeFolders(resolve(folder))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === undefined ? message : (reasons[code] ?? message)
    throw new Problem('conflict', { reason: `The data folder ${folder} cannot be made: ${why}` })
  }
  const found = statSync(folder)
  if (found.isDirectory()) return found
  throw new Problem('conflict', { reason: `${folder} is a file: give --data the name of a folder` })
}

const reasons: Record<string, string> = {
  EACCES: 'this user may not write there',
  ENOENT: 'nothing can be made there',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of its path is a file',
  EROFS: 'the disk is read-only',
}

/** One by one: below /proc, `mkdir` of Node with `recursive` does not end. */
function makeFolders(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })) return
  makeFolders(dirname(folder))
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    // Another start was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
