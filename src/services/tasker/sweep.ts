import type { Bus, Parked } from '#bus'
import type { Clock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import { giveUpNode } from './outcomes.ts'
import { endStep, stepsOf } from './runs/steps.ts'
import type { Turn, Turns } from './turn.ts'
import { findWork } from './works.ts'

/** Milliseconds between two looks. */
export const SWEEP = 60_000

/**
 * No lock outlives its holder: a job that the bus has parked will report nothing any more, so its work ends here.
 * What is our own and was parked while the store or a neighbour was away is given another series of attempts.
 */
export function createSweeper(parts: {
  bus: Bus
  clock: Clock
  log: Log
  turns: Turns
  poke(): void
}): AsyncDisposable {
  const { bus, clock, log, turns, poke } = parts
  let sweeping: Promise<void> = Promise.resolve()
  let cancelTimer = clock.after(SWEEP, look)
  let stopped = false

  function look(): void {
    sweeping = sweep().then(() => {
      if (!stopped) cancelTimer = clock.after(SWEEP, look)
    })
  }

  async function sweep(): Promise<void> {
    // What another replica queued before it died is started by this one.
    poke()
    try {
      for (const parked of await bus.parked())
        await settle(parked).catch((error) =>
          log.error({ err: error, parked: parked.id }, 'what is parked could not be settled'),
        )
    } catch (error) {
      log.error({ err: error }, 'what is parked could not be looked at')
    }
  }

  /** When its work has ended, nobody needs the job any more. */
  async function settle(parked: Parked): Promise<void> {
    if (parked.where.startsWith('tasker.')) await bus.revive(parked.id)
    else if (parked.where === 'shazam.nodes') {
      await turns.take((turn) => endNodeJob(turn, parked))
      await bus.discard(parked.id)
    } else if (parked.where === 'shazam.steps') {
      await turns.take((turn) => endStepJob(turn, parked))
      await bus.discard(parked.id)
    }
  }

  return {
    async [Symbol.asyncDispose]() {
      stopped = true
      cancelTimer()
      await sweeping
      cancelTimer()
    },
  }
}

const reasonOf = (parked: Parked) =>
  `the job broke ${parked.attempts} times and was given up: ${parked.error}`

async function endNodeJob(turn: Turn, parked: Parked): Promise<void> {
  const [id = '', attempt] = parked.of.split('.')
  const work = await findWork(turn.db, id)
  if (work?.state === 'running' && String(work.attempt) === attempt)
    await giveUpNode(turn, work, reasonOf(parked))
}

/** Whether it ran is not known: that is what `unknown` says. */
async function endStepJob(turn: Turn, parked: Parked): Promise<void> {
  const [run = '', index, node, attempt] = parked.of.split('.')
  const work = await findWork(turn.db, run)
  if (work?.state !== 'running') return
  for (const step of await stepsOf(turn.db, run)) {
    if (String(step.step) !== index || step.node !== node || String(step.attempt) !== attempt) continue
    await endStep(turn, work, step, { state: 'unknown', exit: null, error: reasonOf(parked), stdout: '' })
  }
}
