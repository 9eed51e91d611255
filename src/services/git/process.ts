import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Clock } from '#kit/clock.ts'
import type { Exchange } from './exchange.ts'
import type { Git } from './git.ts'

/** Milliseconds between asking a process to end and ending it. */
const PATIENCE = 5000

/** Starts the git process of an exchange, with `pipes` descriptors for its hooks. */
export function start(git: Git, exchange: Exchange, pipes: number): ChildProcess {
  const { program, user, protocol } = exchange
  const env = {
    GIT_COMMITTER_NAME: user,
    GIT_COMMITTER_EMAIL: user,
    ...(protocol && { GIT_PROTOCOL: protocol }),
  }
  const child = git.start([program, ...(exchange.args ?? []), exchange.at], { env, hooks: pipes > 0, pipes })
  for (const stream of child.stdio) stream?.on('error', () => {})
  if (child.stdin) exchange.stdin.pipe(child.stdin)
  child.stdout?.pipe(exchange.stdout, { end: false })
  if (exchange.stderr) child.stderr?.pipe(exchange.stderr, { end: false })
  else child.stderr?.resume()
  return child
}

/**
 * Waits for the end, and brings it about when `signal` aborts: the client is gone or the time is up. At no point does
 * that leave half a push: refs are moved by a process of the platform's own (`moves.ts`).
 */
export async function finish(clock: Clock, child: ChildProcess, signal: AbortSignal): Promise<number> {
  let undo = () => {}
  const onAbort = () => {
    // Nobody reads any more: what it still says must not hold it up.
    for (const stream of [child.stdout, child.stderr]) stream?.unpipe().resume()
    killGroup(child, 'SIGTERM')
    undo = clock.after(PATIENCE, () => killGroup(child, 'SIGKILL'))
  }
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return code ?? 128
  } finally {
    undo()
    signal.removeEventListener('abort', onAbort)
    // What closed its pipes may still run.
    if (signal.aborted) killGroup(child, 'SIGKILL')
  }
}

/**
 * Git, its hooks and its helpers: they are a process group of their own. The group may outlive its leader, so it is
 * told also when git itself has ended.
 */
function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
