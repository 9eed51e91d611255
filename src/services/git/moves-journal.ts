import { open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Update } from './hooks.ts'

export interface Move {
  /** Who pushed. */
  user: string
  updates: readonly Update[]
}

const pathOf = (at: string): string => join(at, 'devops-moves')

/** Writes down what is about to move: Git renames one file a ref, so a kill or a power loss can cut it between two. */
export async function keepMove(at: string, move: Move): Promise<void> {
  const draft = `${pathOf(at)}.new`
  const handle = await open(draft, 'w', 0o600)
  try {
    await handle.writeFile(JSON.stringify(move))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(draft, pathOf(at))
  await syncFolder(at)
}

/** Undefined when nothing was cut. */
export async function readMove(at: string): Promise<Move | undefined> {
  try {
    return JSON.parse(await readFile(pathOf(at), 'utf8')) as Move
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

export const forgetMove = (at: string): Promise<void> => rm(pathOf(at), { force: true })

/** Removes the locks of a git that was killed. Only when none can be at work: its move is in the journal, and waited for. */
export async function sweepLocks(at: string): Promise<void> {
  const below = await readdir(join(at, 'refs'), { recursive: true })
  const locks = below.filter((name) => name.endsWith('.lock')).map((name) => join('refs', name))
  for (const name of [...locks, 'HEAD.lock', 'packed-refs.lock']) await rm(join(at, name), { force: true })
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
