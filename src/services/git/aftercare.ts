import type { Clock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import type { Branches } from './branches.ts'
import type { Git } from './git.ts'
import type { Lanes } from './lanes.ts'
import { containedPath, type Places } from './places.ts'
import type { Running } from './running.ts'

/** What an accepted push leaves to be done when git has ended. */
export type Aftercare = (repo: string, by: string) => Promise<void>

interface Parts {
  git: Git
  places: Places
  branches: Branches
  lanes: Lanes
  clock: Clock
  log: Log
  running: Running
  stack: AsyncDisposableStack
}

const RETRY = 5000

export function createAftercare({
  git,
  places,
  branches,
  lanes,
  clock,
  log,
  running,
  stack,
}: Parts): Aftercare {
  const waiting = new Map<string, () => void>()
  stack.defer(() => {
    for (const undo of waiting.values()) undo()
  })

  /** A store that is full or away for a while must not keep the servers from hearing of a push that git has taken. */
  async function announce(repo: string, by: string): Promise<void> {
    try {
      await branches.announce(repo, by)
    } catch (error) {
      log.error({ err: error, repo }, 'a push could not be announced; trying again')
      waiting.get(repo)?.()
      waiting.set(
        repo,
        clock.after(RETRY, () => {
          waiting.delete(repo)
          void running.track(() => announce(repo, by))
        }),
      )
    }
  }

  /** Each push is a pack of its own; git joins them when there are many. The next push waits for that. */
  const tidy = (repo: string) =>
    lanes.within(repo, async () => {
      await git.run(['gc', '--auto', '--quiet'], { at: await containedPath(places, repo) })
    })

  return async (repo, by) => {
    await announce(repo, by)
    running
      .track(() => tidy(repo))
      .catch((error) => log.warn({ err: error, repo }, 'a repository could not be tidied'))
  }
}
