import { mkdirSync, statSync } from 'node:fs'
import { Problem } from '#kit/problem.ts'

/**
 * The folder of everything that lasts, made when it is not there. Repositories, logs and sealed secrets are nobody
 * else's to read: a folder that is open to others is refused, as the master key is. Throws `conflict`.
 */
export function openDataFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { mode: bits, uid } = statSync(folder)
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
