import {
  chmodSync,
  chownSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Problem } from '#kit/problem.ts'
import type { EngineRules } from '#language'

/**
 * Milliseconds to wait for the lock. Two starts at the same moment see each other's first step: without a wait, both
 * would give up.
 */
const WAIT = 1000

/** Milliseconds until what could not be written of the holder is tried again. */
const WRITE_AGAIN = 5000

/** What nothing refers to is closed by the garbage collection, and the lock would go with it. */
const held = new Set<DatabaseSync>()

/** A data folder that no other process can open. Disposing of it gives it free. */
export interface Hold extends Disposable {
  /** Says where this process listens and what it was told, for whoever finds the folder taken, and for the doctor. */
  tell(ports: Record<string, number>, settings: Settings): void
}

/** What a platform was started with, as far as it opens something to others. */
export interface Settings {
  host: string
  allowedAddresses: readonly string[]
  docker: EngineRules
  /** `plain`: without TLS. `cert`: the file of the certificate. */
  syslog?: { host: string; plain: boolean; cert?: string }
}

interface Holder {
  pid: number
  host: string
  /** Milliseconds since the epoch. */
  since: number
  command: string
  ports: Record<string, number>
  /** Not before all listens, and not from a version that did not say it. */
  settings?: Settings
}

/**
 * Takes the folder for this process alone, before anything in it is read or written. Throws `conflict` with the words of
 * the present holder.
 *
 * The lock is SQLite's own on a file that holds nothing else: Node has no `flock`, and this one is a lock of the kernel
 * (`fcntl`) on the file itself. It goes by the file and not by its path, it ends with its process however that ends, no
 * child process inherits it, and nothing has to be cleaned up before the next start. Nothing else may open this file here:
 * to close it a second time would free the lock. What the holder says of itself stands in a file beside it.
 */
export function holdFolder(folder: string, command: string): Hold {
  const words = join(folder, 'holder.json')
  const lock = takeLock(folder, words)
  const holder: Holder = { pid: process.pid, host: hostname(), since: Date.now(), command, ports: {} }
  let again: NodeJS.Timeout | undefined
  const write = () => {
    clearTimeout(again)
    try {
      writeFileSync(`${words}.new`, JSON.stringify(holder), { mode: 0o600 })
      giveToOwner(folder, `${words}.new`)
      renameSync(`${words}.new`, words)
    } catch {
      // A full disk: the lock holds all the same, and only what is said of it is less.
      rmSync(words, { force: true })
      again = setTimeout(write, WRITE_AGAIN).unref()
    }
  }
  write()
  return {
    tell(ports, settings) {
      holder.ports = ports
      holder.settings = settings
      write()
    },
    [Symbol.dispose]() {
      clearTimeout(again)
      // Before the lock goes: afterwards the file may be another's.
      rmSync(words, { force: true })
      held.delete(lock)
      lock.close()
    },
  }
}

function takeLock(folder: string, words: string): DatabaseSync {
  const file = join(folder, 'lock')
  const lock = new DatabaseSync(file, { timeout: WAIT })
  try {
    chmodSync(file, 0o600)
    giveToOwner(folder, file)
    // Never committed: an open transaction that writes nothing is the lock.
    lock.exec('begin exclusive')
    held.add(lock)
    return lock
  } catch (cause) {
    lock.close()
    if ((cause as { errcode?: number }).errcode !== SQLITE_BUSY) throw cause
    throw new Problem('conflict', { reason: taken(folder, words) }, { cause })
  }
}

const SQLITE_BUSY = 5

/** An administrator who opens the folder of another user must not lock that user out of it. */
function giveToOwner(folder: string, file: string): void {
  const { uid, gid } = statSync(folder)
  if (process.getuid?.() === 0 && uid !== 0) chownSync(file, uid, gid)
}

const taken = (folder: string, words: string): string =>
  `The data folder ${folder} is in use by ${describe(holding(folder, words))}. Stop that one first, or name another folder with --data`

/** Who holds a folder. `by`: what the holder says of itself, where that can be had. */
export interface Held {
  by: Holder | undefined
  says: string
}

/** Undefined when nobody does. Takes nothing, and waits for nobody. Throws when that cannot be told. */
export function whoHolds(folder: string): Held | undefined {
  const found = holding(folder, join(folder, 'holder.json'))
  if (found.pid === undefined && !isLocked(join(folder, 'lock'))) return undefined
  return { by: found.by, says: `held by ${describe(found)}` }
}

interface Found {
  /** By the kernel. */
  pid: number | undefined
  by: Holder | undefined
}

function holding(folder: string, words: string): Found {
  const by = readHolder(words)
  const pid = holderByKernel(join(folder, 'lock'))
  return { pid, by: pid === undefined || pid === by?.pid ? by : undefined }
}

function describe({ pid, by }: Found): string {
  if (!by) return pid === undefined ? 'another process' : `process ${pid}`
  const where = Object.entries(by.ports).map(([name, port]) => `${name} ${port}`)
  const listens = where.length > 0 ? `, ports ${where.join(', ')}` : ''
  return `\`${by.command}\`: process ${by.pid} on ${by.host} since ${new Date(by.since).toISOString()}${listens}`
}

/** Asks the lock itself, for a holder whom the kernel does not show here. Never in the process of the holder. */
function isLocked(file: string): boolean {
  if (!existsSync(file)) return false
  using lock = new DatabaseSync(file, { readOnly: true, timeout: 0 })
  try {
    lock.exec('select * from sqlite_master')
    return false
  } catch (error) {
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return true
    throw error
  }
}

/** What the holder says; nothing when that is left over from one that was killed. */
function readHolder(words: string): Holder | undefined {
  try {
    const holder: Holder = JSON.parse(readFileSync(words, 'utf8'))
    return holder.host === hostname() && !isAlive(holder.pid) ? undefined : holder
  } catch {
    return undefined
  }
}

/** Whose lock is on the file, where the kernel tells (Linux, /proc/locks); another container's processes have no number here. */
function holderByKernel(file: string): number | undefined {
  try {
    const { ino } = statSync(file)
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      const [, , , mode, pid, at = ''] = line.trim().split(/\s+/)
      if (mode === 'WRITE' && Number(pid) > 0 && at.split(':')[2] === String(ino) && isAlive(Number(pid)))
        return Number(pid)
    }
  } catch {
    // Another system.
  }
  return undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
