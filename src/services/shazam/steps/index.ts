import type { Lease } from '#bus'
import type { EventData, Output } from '#contracts'
import type { Server } from '#contracts/registry.ts'
import type { StepJob } from '#contracts/shazam.ts'
import { sleep } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import { hider } from '#kit/mask.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import { isAway, isUnreachable } from '../failures.ts'
import { type Feed, openFeed } from '../feed.ts'
import { quote } from '../quote.ts'
import { keepServers } from '../servers.ts'
import { enter, type Shazam } from '../shazam.ts'
import type { Connection } from '../transport/connection.ts'
import { isNotEntered } from '../transport/reasons.ts'
import { countLogged, startLine } from './logged.ts'
import { asRoot, type Look, look } from './look.ts'
import { type StepOutput, stepOutput } from './output.ts'
import { MOST, parseOutputs } from './outputs.ts'
import { followText, outputsText, recordedText, restText, started, startText } from './shell.ts'

type Ending = Pick<EventData<'step.finished'>, 'outcome' | 'exit' | 'error'> & {
  outputs?: Record<string, string>
}

/** Milliseconds that an unreachable node is waited for: before its step is started, and after. */
export interface Patience {
  before: number
  after: number
}

export const patience: Patience = { before: 60_000, after: 600_000 }

/** Failures of ours after which a step is given up: its run must end. */
const LAST_ATTEMPT = 5

/**
 * The worker of `shazam.steps`. A step is started at most once for an attempt; a job that comes again looks at what the
 * node knows of it and goes on from there. What cannot be known is told as `unknown`.
 */
export const workOnStep =
  (shazam: Shazam, patient: Patience = patience) =>
  async (job: StepJob, lease: Lease) => {
    const { bus, log } = shazam
    const { repo, run, task, step, node, attempt } = job
    const feed = openFeed(shazam, { repo, node, task, work: run, step })
    const logged = await countLogged(bus, job)
    // Durable before any line of its output: the feed keeps the order.
    if (!logged.started) feed.line('platform', startLine(job))
    const { signal } = lease
    const walk: Walk = {
      job,
      feed,
      signal,
      patient,
      shazam,
      fresh: lease.attempt === 1,
      begun: false,
      seen: false,
      ...unknownText(feed),
    }
    let ending: Ending
    try {
      walk.text = await bus.ask('tasker.step_script', { repo, run, step, node })
      const { step_log_megabytes } = await bus.ask('git.get_settings', { repo })
      walk.output = stepOutput(feed, logged, walk.text.secrets, step_log_megabytes)
      ending = await runStep(walk)
    } catch (error) {
      if (signal.aborted || (lease.attempt < LAST_ATTEMPT && !isVerdict(error))) throw error
      log.warn({ err: error, repo, node, run, step }, 'a step could not be run')
      const outcome = mayHaveBegun(walk) ? 'unknown' : 'failure'
      ending = { outcome, exit: null, error: Problem.of(error).message }
    }
    walk.output.end()
    const hide = hider(walk.text.secrets)
    ending.error &&= hide(ending.error)
    if (ending.error) feed.line('platform', ending.error, 'error')
    await feed.flush()
    const written = Object.entries(ending.outputs ?? {})
    const outputs = Object.fromEntries(written.map(([name, value]) => [name, hide(value)]))
    const data = { repo, run, step, node, attempt, ...ending, outputs, stdout: walk.output.tail() }
    const id = `${run}/${step}/${node}/${attempt}`
    await lease.once(async (tx) => void (await bus.publish('step.finished', { id, subject: run, data }, tx)))
    if (walk.connection) await bury(walk.connection, job, log)
  }

/** Of the node, not of a neighbour of ours that is away for a moment. */
const isVerdict = (error: unknown) =>
  (['unreachable', 'host_key', 'sudo_refused', 'not_found'] as const).some((code) => isProblem(error, code))

type StepText = Output<'tasker.step_script'>

/** Until the tasker has answered nothing is run, and nothing is printed. */
const unknownText = (feed: Feed): { text: StepText; output: StepOutput } => ({
  text: { script: null, user: '', env: {}, error: 'the text of the step is not known', secrets: [] },
  output: stepOutput(feed, { stdout: 0, stderr: 0 }, []),
})

interface Walk {
  job: StepJob
  feed: Feed
  /** As it was when this process took the step up; what runs already may have been started from another. */
  text: StepText
  output: StepOutput
  signal: AbortSignal
  patient: Patience
  shazam: Shazam
  connection?: Connection
  /** Nobody has begun it before: nobody had this job, or the node says so. It can be started without a look. */
  fresh: boolean
  /** The step may have been started. */
  begun: boolean
  /** Its folder was seen on the node. */
  seen: boolean
}

/** Also by whoever had this job before, until the node says otherwise. */
const mayHaveBegun = ({ begun, fresh }: Walk): boolean => begun || !fresh

async function runStep(walk: Walk): Promise<Ending> {
  const { job, shazam, signal } = walk
  const { clock } = shazam
  const known = await shazam.bus.ask('registry.get_node', { repo: job.repo, node: job.node })
  if (!known.server) return givenUp(walk, `node ${job.node} has no server`)
  let server: Server = known.server
  walk.connection = enter(shazam, job, server)
  const startedAt = clock.now()
  let lastSeen = startedAt
  for (let wait = 200; ; wait = Math.min(wait * 2, 10_000)) {
    try {
      const ending = await advance(walk, walk.connection)
      if (ending) return ending
      wait = 200
      lastSeen = clock.now()
    } catch (error) {
      if (!isAway(error) || signal.aborted) throw error
      const moved: Server | undefined = await keepServers(shazam)
        .relocate(job, server)
        .catch(() => undefined)
      if (moved) {
        server = moved
        walk.connection = enter(shazam, job, server)
      } else if (!isUnreachable(error)) throw error
      const { before, after } = walk.patient
      if (clock.now() + wait > (mayHaveBegun(walk) ? lastSeen + after : startedAt + before))
        return givenUp(walk, error.message)
      await sleep(clock, wait, signal)
    }
  }
}

const failed = (error: string): Ending => ({ outcome: 'failure', exit: null, error })

const givenUp = (walk: Walk, why: string): Ending =>
  mayHaveBegun(walk)
    ? { outcome: 'unknown', exit: null, error: `whether the step ended is not known: ${why}` }
    : failed(why)

/** One move: look, then start, follow or tell. Undefined: look again. */
async function advance(walk: Walk, connection: Connection): Promise<Ending | undefined> {
  const { job, signal } = walk
  if (walk.fresh && !walk.begun) return await start(walk, connection)
  const found = await look(connection, job, signal)
  if (found.state === 'absent') {
    walk.fresh = true
    return await start(walk, connection)
  }
  walk.begun = true
  walk.seen = true
  if (found.state === 'alive') {
    await asRoot(connection, followText(job, walk.output.seen.out, walk.output.seen.err), streams(walk))
    return undefined
  }
  await readRest(walk, connection, found)
  return { ...tell(found), outputs: await readOutputs(walk, connection, found) }
}

async function start(walk: Walk, connection: Connection): Promise<Ending | undefined> {
  const { job } = walk
  // A folder that was there and is not any more took the outcome with it.
  if (walk.begun)
    return { outcome: 'unknown', exit: null, error: 'the node has lost what it knew of the step' }
  const { script: text, user, error } = walk.text
  if (text === null) return failed(error ?? 'the step has no text')
  const script = Buffer.from(text.startsWith('#!') ? text : `#!/bin/sh\n${text}\n`)
  const env = Buffer.from(assignments(walk.text.env))
  const input = Buffer.concat([env, script])
  walk.begun = true
  const sizes = { bytes: input.length, env: env.length }
  const begin = asRoot(connection, startText(job, user, sizes), { ...streams(walk), stdin: input })
  const { code } = await begin.catch((error: unknown) => {
    walk.begun = !isNotEntered(error)
    throw error
  })
  if (code !== 0) return await notStarted(walk, connection, code)
  return undefined
}

const assignments = (env: Record<string, string>): string =>
  Object.entries(env)
    .map(([name, value]) => `export ${name}=${quote(value)}\n`)
    .join('')

async function notStarted(
  walk: Walk,
  connection: Connection,
  code: number | null,
): Promise<Ending | undefined> {
  if (code === started.exists) return undefined
  walk.begun = (await look(connection, walk.job, walk.signal)).state !== 'absent'
  walk.seen = walk.begun
  if (walk.begun) return undefined
  if (code === started.unknownUser) return failed(`there is no user ${walk.text.user} on ${walk.job.node}`)
  throw new Error(`the step could not be started: ${code}`)
}

function streams({ output, signal }: Walk) {
  return {
    signal,
    onStdout: (chunk: Buffer) => output.take('stdout', chunk),
    onStderr: (chunk: Buffer) => output.take('stderr', chunk),
  }
}

/** What was printed between the last byte that came over the link and the end. */
async function readRest(
  walk: Walk,
  connection: Connection,
  { out, err }: Exclude<Look, { state: 'absent' }>,
): Promise<void> {
  const { seen } = walk.output
  if (out <= seen.out && err <= seen.err) return
  const to = { out: Math.max(out, seen.out), err: Math.max(err, seen.err) }
  await asRoot(connection, restText(walk.job, { ...seen }, to), streams(walk))
}

/** Without secrets: they are kept, and shown. */
async function readOutputs(
  { job, text, signal }: Walk,
  connection: Connection,
  found: Look,
): Promise<Record<string, string>> {
  if (found.state !== 'ended' || found.outputs === 0) return {}
  const { stdout } = await asRoot(connection, outputsText(job, MOST), { signal })
  return parseOutputs(hider(text.secrets)(stdout))
}

function tell(found: Exclude<Look, { state: 'absent' | 'alive' }>): Ending {
  if (found.state === 'lost')
    return { outcome: 'unknown', exit: null, error: `the outcome is not known: ${found.reason}` }
  const { exit } = found
  if (found.state === 'stopped') return { outcome: 'stopped', exit, error: null }
  return exit === 0
    ? { outcome: 'success', exit, error: null }
    : { outcome: 'failure', exit, error: `exit code ${exit}` }
}

/** Only housekeeping: the outcome is told already, and what stays is removed by a later step. */
async function bury(connection: Connection, job: StepJob, log: Log): Promise<void> {
  await asRoot(connection, recordedText(job), {}).catch((error: unknown) =>
    log.warn(
      { err: error, node: job.node, run: job.run, step: job.step },
      'what a step left on its node stays for now',
    ),
  )
}
