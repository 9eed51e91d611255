import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { type Git, GitFailed } from './git.ts'
import type { Update } from './hooks.ts'
import { forgetMove, keepMove, type Move, readMove, sweepLocks } from './moves-journal.ts'

/**
 * Moves all refs in one process and one transaction of git, or none. The process is in no group of the platform and of
 * no client: it ends its work when they are gone, and moves nothing when they go before all of it is said. What a kill
 * of git itself cuts is in the journal, and moved by `settleMoves`. Throws `GitFailed`.
 */
export async function moveRefs(git: Git, at: string, move: Move): Promise<void> {
  await settleMoves(git, at)
  await keepMove(at, move)
  try {
    await transact(git, at, move)
  } catch (error) {
    // A disk that fills up can cut the last of its steps, which git does one ref after the other.
    if (!(await settleMoves(git, at))) throw error
    return
  }
  await forgetMove(at)
}

/** Ends a move that was cut in the middle; one of which nothing has moved is dropped. True when all of it is done. */
export async function settleMoves(git: Git, at: string): Promise<boolean> {
  const move = await readMove(at)
  if (!move) return false
  const real = move.updates.filter(({ before, after }) => before !== after)
  let left = await unmoved(git, at, real)
  if (left.length === real.length) {
    // The git of a platform that was killed may be about to move them: this waits for its locks.
    const free = await transact(git, at, { ...move, updates: left }, 'look').then(
      () => true,
      () => false,
    )
    if (!free) left = await unmoved(git, at, real)
    if (!free && left.length === real.length) await sweepLocks(at)
  }
  const begun = left.length < real.length
  if (begun && left.length > 0) {
    const rest = { ...move, updates: left }
    await transact(git, at, rest).catch(async () => {
      await sweepLocks(at)
      await transact(git, at, { ...move, updates: await unmoved(git, at, real) })
    })
  }
  await forgetMove(at)
  return begun
}

/** Those that are still where they were. */
async function unmoved(git: Git, at: string, updates: readonly Update[]): Promise<Update[]> {
  const refs = await refsOf(git, at)
  return updates.filter(({ ref, before }) => (refs.get(ref) ?? null) === before)
}

async function refsOf(git: Git, at: string): Promise<Map<string, string>> {
  const out = await git.run(['for-each-ref', '--format=%(objectname) %(refname)'], { at })
  const lines = out.toString().split('\n').filter(Boolean)
  return new Map(lines.map((line) => [line.slice(41), line.slice(0, 40)]))
}

/** A lock may be held by the git of a platform that was killed: it is waited for. */
const patience = ['-c', 'core.filesRefLockTimeout=3000', '-c', 'core.packedRefsTimeout=3000']

/** `look` takes all locks, moves nothing, and throws unless each ref is where it was. */
async function transact(
  git: Git,
  at: string,
  { user, updates }: Move,
  act: 'move' | 'look' = 'move',
): Promise<void> {
  // The log of each branch says who moved it.
  const env = { GIT_DIR: at, GIT_COMMITTER_NAME: user, GIT_COMMITTER_EMAIL: user }
  const args = [...patience, 'update-ref', '-m', 'push', '--stdin']
  const child = git.start(args, { env, hooks: false, pipes: 0 })
  if (!child.stdin || !child.stdout || !child.stderr) throw new Error('git was started without pipes')
  const heard = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  // A git that ends early closes its stdin; its exit status tells why.
  child.stdin.on('error', () => {})
  const lines = updates.map(act === 'move' ? lineOf : verifyLineOf).join('')
  child.stdin.end(`start\n${lines}prepare\n${act === 'move' ? 'commit' : 'abort'}\n`)
  const [, said, [code]] = await heard
  if (code !== 0) throw new GitFailed('update-ref', code ?? undefined, said, undefined)
}

/** Updates that leave everything as it is (the deletion of what is not there) are no line. */
function lineOf({ ref, before, after }: Update): string {
  if (after) return `update ${ref} ${after} ${before ?? '0'.repeat(40)}\n`
  return before ? `delete ${ref} ${before}\n` : ''
}

const verifyLineOf = ({ ref, before }: Update): string => `verify ${ref} ${before ?? '0'.repeat(40)}\n`

/** The reason for each ref, in one line: git names the one that it could not move. */
export function reasonsOf(updates: readonly Update[], error: unknown): Map<string, string> {
  const said = error instanceof GitFailed ? error.said : ''
  const [, reason = 'git could not move it'] = /^fatal: (?:[a-z]+: )?(.+)$/m.exec(said) ?? []
  const culprits = updates.filter(({ ref }) => said.includes(`'${ref}'`))
  return new Map(
    updates.map((update) => [
      update.ref,
      culprits.length === 0 || culprits.includes(update)
        ? reason
        : 'another ref of this push could not be moved',
    ]),
  )
}
