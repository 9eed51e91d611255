import type { EventData, Output } from '#contracts'
import type { StepJob } from '#contracts/shazam.ts'
import { hider } from '#kit/mask/index.ts'
import { Problem } from '#kit/problem.ts'
import { quote } from '../quote.ts'
import type { Shazam } from '../shazam.ts'
import type { Connection } from '../transport/connection.ts'
import { isNotEntered } from '../transport/reasons.ts'
import { type Ending, newEnding } from './ending.ts'
import { asRoot, asRootUnseen, type Look, look, parseLook } from './look.ts'
import type { StepOutput } from './output.ts'
import { MOST, parseOutputs } from './outputs.ts'
import { followText, outputsText, restText, type Sizes } from './shell.ts'
import { started, startText } from './start.ts'

export type StepText = Output<'tasker.step_script'>

export type Outcome = Pick<EventData<'step.finished'>, 'outcome' | 'exit' | 'error'> & {
  outputs?: Record<string, string>
  /** What people should know besides. */
  warning?: string
}

/** A step on its way, from the job to the outcome. */
export interface Walk {
  job: StepJob
  /** Asks for `text`, and makes `output` by it. Once; what fails is asked again. */
  learn(): Promise<void>
  /** As it was when this process took the step up; what runs already may have been started from another. */
  text: StepText
  output: StepOutput
  signal: AbortSignal
  /** See Lease. */
  progress(): Promise<void>
  shazam: Shazam
  connection?: Connection
  /** Nobody has begun it before: nobody had this job, or the node says so. It can be started without a look. */
  fresh: boolean
  /** The step may have been started. */
  begun: boolean
  /** The node has told something of it. */
  seen: boolean
  /** The node has said that it goes down. It is expected to come back. */
  leaves: boolean
}

/** Also by whoever had this job before, until the node says otherwise. */
export const mayHaveBegun = ({ begun, fresh }: Walk): boolean => begun || !fresh

export const failed = (error: string): Outcome => ({ outcome: 'failure', exit: null, error })

/** One move: start or follow, then tell. Undefined: look again. */
export async function advance(walk: Walk, connection: Connection): Promise<Outcome | undefined> {
  const { job, signal } = walk
  if (walk.fresh && !walk.begun) return await start(walk, connection)
  await walk.learn()
  const found = await look(connection, job, signal)
  awaitReturn(walk, found)
  if (found.state === 'absent') {
    // The text did not arrive whole: nothing of it ran. Should it still arrive, only one of the two gets the folder.
    if (!walk.seen) Object.assign(walk, { fresh: true, begun: false })
    return await start(walk, connection)
  }
  walk.begun = true
  walk.seen = true
  if (found.state !== 'alive') return await tellAll(walk, connection, found)
  await walk.progress()
  const ending = newEnding()
  await asRoot(connection, followText(job, walk.output.seen, ending.format), streams(walk, ending))
  return await tellSaid(walk, connection, ending)
}

type Told = Exclude<Look, { state: 'absent' | 'alive' | 'down' | 'leaving' }>

/**
 * A node that goes down is one that cannot be reached: nothing is started on it, and what ended with it is judged when
 * it is back.
 */
function awaitReturn(walk: Walk, found: Look): asserts found is Exclude<Look, { state: 'down' | 'leaving' }> {
  if (found.state !== 'down' && found.state !== 'leaving') return
  if (found.state === 'down') Object.assign(walk, { fresh: true, begun: false, seen: false })
  walk.leaves = true
  throw new Problem('unreachable', { node: walk.job.node, reason: 'it is shutting down or restarting' })
}

async function start(walk: Walk, connection: Connection): Promise<Outcome | undefined> {
  // A folder that was there and is not any more took the outcome with it.
  if (walk.begun)
    return { outcome: 'unknown', exit: null, error: 'the node has lost what it knew of the step' }
  const ending = newEnding()
  try {
    const { code } = await asRootUnseen(connection, program(walk, ending), streams(walk, ending))
    if (code !== 0) return await notStarted(walk, connection, code)
  } catch (error) {
    if (error instanceof Unfit) return failed(error.message)
    if (isNotEntered(error)) walk.begun = false
    throw error
  }
  walk.seen = true
  return await tellSaid(walk, connection, ending)
}

/** Nothing that could be run. */
class Unfit extends Error {}

async function program(walk: Walk, ending: Ending): Promise<string> {
  await walk.learn()
  const { script: text, user, env, error } = walk.text
  if (text === null) throw new Unfit(error ?? 'the step has no text')
  if (text.includes('\0')) throw new Unfit('the text of the step holds a NUL, which no shell can take')
  const script = text.startsWith('#!') ? text : `#!/bin/sh\n${text}\n`
  walk.begun = true
  return startText(walk.job, { script, env: assignments(env), user }, ending.format)
}

const assignments = (env: Record<string, string>): string =>
  Object.entries(env)
    .map(([name, value]) => `export ${name}=${quote(value)}\n`)
    .join('')

async function notStarted(
  walk: Walk,
  connection: Connection,
  code: number | null,
): Promise<Outcome | undefined> {
  if (code === started.exists) return undefined
  const found = await look(connection, walk.job, walk.signal)
  awaitReturn(walk, found)
  walk.begun = found.state !== 'absent'
  if (walk.begun) return undefined
  if (code === started.unknownUser) return failed(`there is no user ${walk.text.user} on ${walk.job.node}`)
  throw new Error(`the step could not be started: ${code}`)
}

function streams(walk: Walk, ending?: Ending) {
  const take = (stream: 'stdout' | 'stderr', chunk: Buffer) => {
    if (chunk.length > 0) walk.seen = true
    return walk.output.take(stream, chunk)
  }
  return {
    signal: walk.signal,
    onStdout: (chunk: Buffer) => take('stdout', ending ? ending.take(chunk) : chunk),
    onStderr: (chunk: Buffer) => take('stderr', chunk),
  }
}

/** By what the node said at the end of the output, if it did. */
async function tellSaid(walk: Walk, connection: Connection, ending: Ending): Promise<Outcome | undefined> {
  const said = ending.said()
  const found = said === undefined ? 'again' : parseLook(said)
  if (found === 'again') return undefined
  awaitReturn(walk, found)
  if (found.state === 'absent' || found.state === 'alive') return undefined
  return await tellAll(walk, connection, found)
}

async function tellAll(walk: Walk, connection: Connection, found: Told): Promise<Outcome> {
  if (found.state === 'never') return failed(found.reason)
  await readRest(walk, connection, found)
  return tell(found, await readOutputs(walk, connection, found))
}

/** What was printed between the last byte that came over the link and the end. */
async function readRest(walk: Walk, connection: Connection, { out, err }: Sizes): Promise<void> {
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
): Promise<string> {
  if (found.state !== 'ended' || found.outputs === 0) return ''
  const { stdout } = await asRoot(connection, outputsText(job, MOST), { signal })
  return hider(text.secrets)(stdout)
}

const FULL = 'the disk of the node is full'

function tell(found: Exclude<Told, { state: 'never' }>, written: string): Outcome {
  if (found.state === 'lost')
    return { outcome: 'unknown', exit: null, error: `the outcome is not known: ${found.reason}` }
  const { exit, left, full } = found
  if (found.state === 'stopped')
    return { outcome: 'stopped', exit, error: left ? `still running: ${left}` : null }
  const warning = full ? { warning: `${FULL}: what the step printed may be missing` } : {}
  if (exit !== 0) return { outcome: 'failure', exit, error: `exit code ${exit}`, ...warning }
  // A value that was cut must not be used for another one.
  if (full && written !== '' && !written.endsWith('\n'))
    return { ...failed(`${FULL}: what it wrote to $DEVOPS_OUTPUT is cut`), exit, ...warning }
  return { outcome: 'success', exit, error: null, outputs: parseOutputs(written), ...warning }
}
