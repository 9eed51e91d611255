import type { Kysely } from 'kysely'
import type { Bus } from '#bus'
import type { Infrastructure } from '#contracts/descriptors.ts'
import type { Clock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import { isProblem } from '#kit/problem.ts'
import type { Tables } from './tables.ts'
import type { Turns } from './turn.ts'

/** What every part of this service is given. */
export interface Tasker {
  bus: Bus
  /** For reading; all changes are made in turns. */
  db: Kysely<Tables>
  clock: Clock
  log: Log
  turns: Turns
  /** Works that may run at the same time. */
  limit: number
}

/** What a repository says at the tip of its active branch; undefined when there is none. */
export async function tipOf({ bus }: Tasker, repo: string): Promise<Infrastructure | undefined> {
  try {
    const infrastructure = await bus.ask('git.infrastructure', { repo })
    return infrastructure.commit === null ? undefined : infrastructure
  } catch (error) {
    if (isProblem(error, 'not_found')) return undefined
    throw error
  }
}
