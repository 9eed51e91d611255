import { accessSync, constants, lstatSync, readdirSync, statfsSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { bytes } from '../../src/cli/text.ts'
import { readAccounts } from './accounts.ts'
import { bad, type Check, good, warning } from './check.ts'

/** Bytes below which the platform refuses changes, and below which somebody should know. */
const LEAST = 4 * 1024 * 1024
const LITTLE = 1024 * 1024 * 1024

/** Owner, mode and room of the data folder, and of what in it must be nobody else's to read. */
export const checkFolder = (data: string): Check[] => [
  ...checkOwner(data),
  ...checkMode(data),
  ...checkWritable(data),
  ...checkRoom(data),
  ...checkFiles(data),
]

function checkOwner(data: string): Check[] {
  const { uid } = statSync(data)
  const owner = readAccounts().userOf(uid)
  const me = userInfo()
  if (me.uid === 0 || me.uid === uid) return [good('owner', `${data} belongs to ${owner}`)]
  return [
    bad(
      'owner',
      `${data} belongs to ${owner}, and this is ${me.username}`,
      `Run the platform as ${owner}, or give it the folder: chown -R ${me.username} ${data}`,
    ),
  ]
}

function checkMode(data: string): Check[] {
  const mode = statSync(data).mode & 0o777
  if ((mode & 0o077) === 0) return [good('mode', `${data} is its owner's alone (mode ${mode.toString(8)})`)]
  return [
    bad(
      'mode',
      `${data} is open to others (mode ${mode.toString(8)}): the platform does not start`,
      `chmod 700 ${data}`,
    ),
  ]
}

function checkWritable(data: string): Check[] {
  try {
    accessSync(data, constants.R_OK | constants.W_OK | constants.X_OK)
    return []
  } catch (error) {
    const readOnly = (error as NodeJS.ErrnoException).code === 'EROFS'
    const says = readOnly ? 'its file system is read-only' : `${(error as Error).message}`
    return [
      bad(
        'writing',
        `${data} cannot be written: ${says}`,
        `Mount it for writing, or name another folder with --data.`,
      ),
    ]
  }
}

function checkRoom(data: string): Check[] {
  const { bavail, bsize, blocks, files, ffree } = statfsSync(data)
  const free = bavail * bsize
  const says = `${bytes(free)} of ${bytes(blocks * bsize)} free`
  const advice = `Free space on the file system of ${data}, or move the folder to a bigger one.`
  const room =
    free < LEAST
      ? bad('free space', `${says}: the platform refuses every change`, advice)
      : free < LITTLE
        ? warning('free space', `${says}`, advice)
        : good('free space', says)
  // Some file systems make inodes as they need them, and say 0.
  if (files === 0 || ffree > 1000) return [room]
  return [
    room,
    (ffree < 10 ? bad : warning)(
      'inodes',
      `${ffree} of ${files} inodes free`,
      `Remove files on the file system of ${data}.`,
    ),
  ]
}

/** What others may do with it does not matter as long as nobody else gets into the folder; after a copy somebody might. */
function checkFiles(data: string): Check[] {
  const { uid } = statSync(data)
  const secret = (name: string) => /^(devops\.sqlite|master\.key|lock|holder\.json)/.test(name)
  const stats = readdirSync(data).map((name) => ({ name, ...lstatSync(join(data, name)) }))
  const open = stats.filter(({ name, mode }) => secret(name) && (mode & 0o077) !== 0).map(({ name }) => name)
  const foreign = stats.filter((each) => each.uid !== uid).map(({ name }) => name)
  return [
    ...(open.length === 0
      ? []
      : [
          bad(
            'files',
            `${open.join(', ')} can be read by others`,
            `cd ${data} && chmod 600 ${open.join(' ')}`,
          ),
        ]),
    ...(foreign.length === 0
      ? []
      : [
          bad(
            'files',
            `${foreign.join(', ')} belong to another user than the folder`,
            `chown -R --reference=${data} ${data}`,
          ),
        ]),
  ]
}
