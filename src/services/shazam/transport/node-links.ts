import type { Duplex } from 'node:stream'
import type { ExecOptions, ExecResult, Target } from './connection.ts'
import type { Link } from './link.ts'
import { SessionRefused } from './session.ts'

/** sshd allows 10 sessions a connection unless told otherwise. */
const SESSIONS = 8
const LINKS = 4
/** A session that has just ended is counted by sshd for a moment longer. */
const REFUSALS = 50

interface Kept {
  link: Promise<Link>
  opened?: Link
  busy: number
}

export interface NodeLinks {
  exec(command: string, options?: ExecOptions): Promise<ExecResult>
  /** A stream to somebody behind the node; while it is open the node is not idle. */
  forward(to: Target): Promise<Duplex>
  /** Sessions that run now. */
  readonly busy: number
  close(): void
}

/**
 * The links of one node: one as a rule, more only while so many sessions run that one connection cannot hold them.
 * `open` enters; `idle` is told when the last session has ended,
 * `pause` waits a little before a session that sshd refused is tried again.
 */
export function nodeLinks(
  open: (onDead: () => void) => Promise<Link>,
  idle: () => void,
  pause: () => Promise<void>,
): NodeLinks {
  const links: Kept[] = []
  const waiting: (() => void)[] = []
  let sessions = SESSIONS
  let busy = 0

  const drop = (kept: Kept) => {
    const at = links.indexOf(kept)
    if (at >= 0) links.splice(at, 1)
  }
  const enter = (): Kept => {
    const kept: Kept = { link: open(() => drop(kept)), busy: 0 }
    links.push(kept)
    kept.link.then(
      (link) => {
        kept.opened = link
        if (link.dead || !links.includes(kept)) drop(kept)
      },
      () => drop(kept),
    )
    return kept
  }
  async function take(): Promise<Kept> {
    for (;;) {
      const kept = links.find((one) => one.busy < sessions) ?? (links.length < LINKS ? enter() : undefined)
      if (kept) {
        kept.busy++
        return kept
      }
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }
  function release(kept: Kept) {
    kept.busy--
    // An extra link has done its service; the first one is kept until the node is idle for long.
    if (kept.busy === 0 && links.indexOf(kept) > 0) {
      drop(kept)
      kept.opened?.close()
    }
    waiting.shift()?.()
  }

  async function attempt(
    command: string,
    mayRetry: boolean,
    options?: ExecOptions,
  ): Promise<ExecResult | undefined> {
    const kept = await take()
    try {
      return await (await kept.link).exec(command, options)
    } catch (error) {
      if (!(error instanceof SessionRefused) || !mayRetry) throw error
      // This sshd allows fewer sessions than usual.
      sessions = Math.max(1, Math.min(sessions, kept.busy - 1))
      return undefined
    } finally {
      release(kept)
    }
  }

  return {
    get busy() {
      return busy
    },
    async exec(command, options) {
      busy++
      try {
        for (let tries = 0; ; tries++) {
          const result = await attempt(command, tries < REFUSALS, options)
          if (result) return result
          await pause()
        }
      } finally {
        if (--busy === 0) idle()
      }
    },
    async forward(to) {
      busy++
      const done = () => {
        if (--busy === 0) idle()
      }
      try {
        // No session: it counts as none of those that sshd allows.
        const stream = await (await (links[0] ?? enter()).link).forward(to)
        stream.once('close', done)
        return stream
      } catch (error) {
        done()
        throw error
      }
    },
    close() {
      for (const kept of links.splice(0)) kept.link.then((link) => link.close()).catch(() => {})
    },
  }
}
