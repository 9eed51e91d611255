import type { Client } from 'ssh2'
import type { Problem } from '#kit/problem.ts'
import { type Opened, openChannel } from './session.ts'

/** One session that waits for its input, so that the next command finds its shell started. */
export interface Spare {
  /** Undefined when none waits, or when what waited has ended by itself. */
  take(command: string): Opened | undefined
  keep(command: string): void
  /** This server has no session to spare. */
  giveUp(): void
}

export function keepSpare(client: Client, cut: () => Problem): Spare {
  let wanted = true
  let opening = false
  let kept: { command: string; opened: Opened } | undefined

  function drop(): void {
    kept?.opened.channel.close()
    kept = undefined
  }

  async function open(command: string): Promise<void> {
    const opened = await openChannel(client, command, cut)
    opened.channel.on('error', () => {})
    const mine = { command, opened }
    kept = mine
    if (!wanted) drop()
    opened.ended.then(() => {
      if (kept === mine) kept = undefined
    })
  }

  return {
    take(command) {
      if (kept?.command !== command) return undefined
      const { opened } = kept
      kept = undefined
      return opened
    },
    keep(command) {
      if (!wanted || opening || kept) return
      opening = true
      // Nobody waits for it: who finds none opens one, and is told why it cannot be.
      open(command)
        .catch(() => {})
        .finally(() => {
          opening = false
        })
    },
    giveUp() {
      wanted = false
      drop()
    },
  }
}
