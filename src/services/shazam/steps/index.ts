import type { Lease } from '#bus'
import type { Server } from '#contracts/registry.ts'
import type { StepJob } from '#contracts/shazam.ts'
import { sleep } from '#kit/clock.ts'
import { hider } from '#kit/mask/index.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import { isAway, isUnreachable } from '../failures.ts'
import { type Feed, openFeed } from '../feed.ts'
import { keepServers } from '../servers.ts'
import { enter, type Shazam } from '../shazam.ts'
import type { Burials } from './burials.ts'
import { countLogged, saidBefore, startLine } from './logged.ts'
import { type StepOutput, stepOutput } from './output.ts'
import { createTurns } from './turns.ts'
import { advance, failed, mayHaveBegun, type Outcome, type StepText, type Walk } from './walk.ts'

/** Milliseconds that an unreachable node is waited for: before its step is started, and after. */
export interface Patience {
  before: number
  after: number
  /** After a failure of ours, doubled with each. */
  between: number
}

export const patience: Patience = { before: 60_000, after: 600_000, between: 1_000 }

/**
 * Failures of ours in a row after which a step is given up: its run must end. They are counted in one process: that the
 * platform is started anew is no failure of a step.
 */
const FAILURES = 5

const UNRECORDED = 'this step waits: it uses secrets, and the audit cannot be written'

/**
 * The worker of `shazam.steps`. A step is started at most once for an attempt; a job that comes again looks at what the
 * node knows of it and goes on from there. What cannot be known is told as `unknown`.
 */
export const workOnStep = (shazam: Shazam, burials: Burials, patient: Patience = patience) => {
  const inTurn = createTurns()
  // Who has lost the job still has lines on their way: whoever takes it over waits for that before looking at the log.
  return (job: StepJob, lease: Lease) =>
    inTurn(`${job.run}/${job.step}/${job.node}/${job.attempt}`, () =>
      takeStep({ shazam, burials, patient }, job, lease),
    )
}

interface Means {
  shazam: Shazam
  burials: Burials
  patient: Patience
}

async function takeStep(means: Means, job: StepJob, lease: Lease): Promise<void> {
  const { repo, node, task, run, step } = job
  const feed = openFeed(means.shazam, { repo, node, task, work: run, step })
  try {
    await runToEnd(means, job, lease, feed)
  } finally {
    await feed.drop()
  }
}

async function runToEnd({ shazam, burials, patient }: Means, job: StepJob, lease: Lease, feed: Feed) {
  const { bus } = shazam
  const { repo, run, step, node, attempt } = job
  const { signal } = lease
  const learn = once(async () => {
    const logged = await countLogged(bus, job)
    // Durable before any line of its output: the feed keeps the order.
    if (!logged.started) feed.line('platform', startLine(job))
    walk.text = await bus.ask('tasker.step_script', { repo, run, step, node })
    const { step_log_megabytes } = await bus.ask('git.get_settings', { repo })
    walk.output = stepOutput(feed, logged, walk.text.secrets, step_log_megabytes)
  })
  const walk: Walk = {
    job,
    learn,
    signal,
    progress: () => lease.progress(),
    shazam,
    fresh: lease.attempt === 1,
    begun: false,
    seen: false,
    leaves: false,
    ...unknownText(feed),
  }
  const { warning, ...ending } = await endOf(walk, lease, patient, feed)
  walk.output.end()
  const hide = hider(walk.text.secrets)
  ending.error &&= hide(ending.error)
  const said = lease.attempt > 1 ? await saidBefore(bus, job) : new Set()
  if (warning && !said.has(warning)) feed.line('platform', warning, 'warn')
  if (ending.error && !said.has(ending.error)) feed.line('platform', ending.error, 'error')
  await feed.flush()
  const written = Object.entries(ending.outputs ?? {})
  const outputs = Object.fromEntries(written.map(([name, value]) => [name, hide(value)]))
  const data = { repo, run, step, node, attempt, ...ending, outputs, stdout: walk.output.tail() }
  const id = `${run}/${step}/${node}/${attempt}`
  await lease.once(
    async (tx) => void (await bus.publish('step.finished', { id, subject: `${run}/${node}`, data }, tx)),
  )
  if (walk.connection) burials.add(walk.connection, job)
}

/** Tries again what failed of ours, then gives the step up. Throws only when the job is not ours any more. */
async function endOf(walk: Walk, lease: Lease, patient: Patience, feed: Feed): Promise<Outcome> {
  const { job, shazam, signal } = walk
  let unrecorded = 0
  for (let failures = 1; ; failures++) {
    try {
      return await runStep(walk, patient)
    } catch (error) {
      if (signal.aborted) throw error
      // It gets no secret until that can be recorded, and nothing else is wrong with it.
      if (isProblem(error, 'unaudited')) {
        if (unrecorded++ === 0) feed.line('platform', UNRECORDED, 'warn')
        await sleep(shazam.clock, patient.between * 2 ** Math.min(unrecorded, 5), signal)
        failures--
        continue
      }
      shazam.log.warn({ err: error, job, attempt: lease.attempt }, 'a step could not be run')
      if (failures < FAILURES && !isVerdict(error)) {
        await sleep(shazam.clock, patient.between * 2 ** (failures - 1), signal)
        continue
      }
      const outcome = mayHaveBegun(walk) ? 'unknown' : 'failure'
      return { outcome, exit: null, error: Problem.of(error).message }
    }
  }
}

/** What has succeeded is not done again. */
function once(act: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => {
    done ??= act().catch((error: unknown) => {
      done = undefined
      throw error
    })
    return done
  }
}

/** Of the node, not of a neighbour of ours that is away for a moment. */
const isVerdict = (error: unknown) =>
  (['unreachable', 'host_key', 'sudo_refused', 'not_found'] as const).some((code) => isProblem(error, code))

/** Until the tasker has answered nothing is run, and nothing is printed. */
const unknownText = (feed: Feed): { text: StepText; output: StepOutput } => ({
  text: { script: null, user: '', env: {}, error: 'the text of the step is not known', secrets: [] },
  output: stepOutput(feed, { stdout: 0, stderr: 0 }, []),
})

async function runStep(walk: Walk, patient: Patience): Promise<Outcome> {
  const { job, shazam, signal } = walk
  const { clock } = shazam
  const known = await shazam.bus.ask('registry.get_node', { repo: job.repo, node: job.node })
  if (!known.server) return givenUp(walk, `node ${job.node} has no server`)
  let server: Server = known.server
  walk.connection = enter(shazam, job, server)
  const startedAt = clock.steady()
  let lastSeen = startedAt
  for (let wait = 200; ; wait = Math.min(wait * 2, 10_000)) {
    try {
      const ending = await advance(walk, walk.connection)
      if (ending) return ending
      wait = 200
      lastSeen = clock.steady()
    } catch (error) {
      if (!isAway(error) || signal.aborted) throw error
      const moved: Server | undefined = await keepServers(shazam)
        .relocate(job, server)
        .catch(() => undefined)
      if (moved) {
        server = moved
        walk.connection = enter(shazam, job, server)
      } else if (!isUnreachable(error)) throw error
      const { before, after } = patient
      const expected = mayHaveBegun(walk) || walk.leaves
      if (clock.steady() + wait > (expected ? lastSeen + after : startedAt + before))
        return givenUp(walk, error.message)
      await sleep(clock, wait, signal)
    }
  }
}

const givenUp = (walk: Walk, why: string): Outcome =>
  mayHaveBegun(walk)
    ? { outcome: 'unknown', exit: null, error: `whether the step ended is not known: ${why}` }
    : failed(why)
