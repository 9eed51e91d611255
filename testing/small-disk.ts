import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** The test that has the disk; a test that can do without says so in its own `skip`. */
type Scope = Pick<TestContext, 'skip' | 'after'>

/** A file system of its own that a test can fill. */
export interface SmallDisk {
  folder: string
  /** Takes all the room that is left; the optional number of bytes stays free. */
  fill(leave?: number): void
  /** Gives the room back. */
  free(): void
}

/** Mounts a small file system in memory; skips the test, with the reason, where nothing can be mounted. */
export function smallDisk(t: Scope, size: string): SmallDisk | undefined {
  const folder = mount(t, (at) => ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', at])
  return folder === undefined ? undefined : diskAt(folder, folder)
}

/**
 * Mounts an ext4 file system whose own disk can run out of room: then a write is taken, and the sync that follows it fails.
 */
export function failingDisk(t: Scope): SmallDisk | undefined {
  const below = mount(t, (at) => ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', at])
  if (below === undefined) return undefined
  const image = join(below, 'image')
  try {
    execFileSync('truncate', ['-s', '64M', image])
    execFileSync('mkfs.ext4', ['-q', '-F', '-O', '^has_journal', image], { stdio: 'pipe' })
  } catch (error) {
    t.skip(`no file system can be made: ${(error as Error).message}`)
    return undefined
  }
  const folder = mount(t, (at) => ['-o', 'loop', image, at])
  return folder === undefined ? undefined : diskAt(folder, below)
}

function mount(t: Scope, args: (folder: string) => string[]): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'small-disk-'))
  try {
    execFileSync('mount', args(folder), { stdio: 'pipe' })
  } catch (error) {
    rmSync(folder, { recursive: true })
    t.skip(`nothing can be mounted here: ${(error as Error).message.split('\n').at(-1)}`)
    return undefined
  }
  t.after(() => {
    execFileSync('umount', ['-l', folder])
    rmSync(folder, { recursive: true })
  })
  return folder
}

function diskAt(folder: string, filled: string): SmallDisk {
  const ballast = join(filled, 'ballast')
  return {
    folder,
    fill(leave = 0) {
      mkdirSync(ballast, { recursive: true })
      for (let part = 0; room(filled) > leave; part++) {
        const size = Math.min(1024 * 1024, room(filled) - leave)
        try {
          writeFileSync(join(ballast, String(Date.now()) + part), Buffer.alloc(size))
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        }
      }
    },
    free: () => rmSync(ballast, { recursive: true, force: true }),
  }
}

function room(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}
