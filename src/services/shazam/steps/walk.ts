import type { EventData, Output } from '#contracts'
import type { StepJob } from '#contracts/shazam.ts'
import { hider } from '#kit/mask.ts'
import { quote } from '../quote.ts'
import type { Shazam } from '../shazam.ts'
import type { Connection } from '../transport/connection.ts'
import { isNotEntered } from '../transport/reasons.ts'
import { type Ending, newEnding } from './ending.ts'
import { asRoot, asRootUnseen, type Look, look, parseLook } from './look.ts'
import type { StepOutput } from './output.ts'
import { MOST, parseOutputs } from './outputs.ts'
import { followText, outputsText, restText } from './shell.ts'
import { started, startText } from './start.ts'

export type StepText = Output<'tasker.step_script'>

export type Outcome = Pick<EventData<'step.finished'>, 'outcome' | 'exit' | 'error'> & {
  outputs?: Record<string, string>
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
  shazam: Shazam
  connection?: Connection
  /** Nobody has begun it before: nobody had this job, or the node says so. It can be started without a look. */
  fresh: boolean
  /** The step may have been started. */
  begun: boolean
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
  if (found.state === 'absent') {
    walk.fresh = true
    return await start(walk, connection)
  }
  walk.begun = true
  if (found.state !== 'alive') return await tellAll(walk, connection, found)
  const ending = newEnding()
  await asRoot(connection, followText(job, walk.output.seen, ending.format), streams(walk, ending))
  return await tellSaid(walk, connection, ending)
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
  walk.begun = (await look(connection, walk.job, walk.signal)).state !== 'absent'
  if (walk.begun) return undefined
  if (code === started.unknownUser) return failed(`there is no user ${walk.text.user} on ${walk.job.node}`)
  throw new Error(`the step could not be started: ${code}`)
}

function streams(walk: Walk, ending?: Ending) {
  return {
    signal: walk.signal,
    onStdout: (chunk: Buffer) => walk.output.take('stdout', ending ? ending.take(chunk) : chunk),
    onStderr: (chunk: Buffer) => walk.output.take('stderr', chunk),
  }
}

/** By what the node said at the end of the output, if it did. */
async function tellSaid(walk: Walk, connection: Connection, ending: Ending): Promise<Outcome | undefined> {
  const said = ending.said()
  const found = said === undefined ? 'again' : parseLook(said)
  if (found === 'again' || found.state === 'absent' || found.state === 'alive') return undefined
  return await tellAll(walk, connection, found)
}

async function tellAll(
  walk: Walk,
  connection: Connection,
  found: Exclude<Look, { state: 'absent' | 'alive' }>,
): Promise<Outcome> {
  await readRest(walk, connection, found)
  return { ...tell(found), outputs: await readOutputs(walk, connection, found) }
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

function tell(found: Exclude<Look, { state: 'absent' | 'alive' }>): Outcome {
  if (found.state === 'lost')
    return { outcome: 'unknown', exit: null, error: `the outcome is not known: ${found.reason}` }
  const { exit } = found
  if (found.state === 'stopped') return { outcome: 'stopped', exit, error: null }
  return exit === 0
    ? { outcome: 'success', exit, error: null }
    : { outcome: 'failure', exit, error: `exit code ${exit}` }
}
