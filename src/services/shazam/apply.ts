import { randomBytes } from 'node:crypto'
import { NotApplied } from './failures.ts'
import { confirm, PATIENCE } from './guard.ts'
import { LineSplitter, MarkedOutput } from './lines.ts'
import type { Plan } from './plan.ts'
import { refusal, rootShell } from './probe.ts'
import type { Place } from './progress.ts'
import { applyScript, listJobs } from './script.ts'
import type { Connection } from './transport/connection.ts'
import { Watch } from './watch.ts'

export interface OutputLine {
  stream: 'stdout' | 'stderr' | 'platform'
  text: string
  /** The resource or handler that was at work. */
  resource?: string
}

export interface Outcome {
  resource: string
  /** `unchanged`: it found nothing to do after all. `unfinished`: the link was lost before its end. */
  result: 'changed' | 'unchanged' | 'failed' | 'skipped' | 'unfinished'
  /** Of a failure: its last words. Of a skip: what it waits for. */
  reason: string
}

export interface Applied {
  outcomes: Outcome[]
  /** Another apply was at work: the plan is old, nothing was done. */
  again: boolean
  /** What was waited for then. */
  busy?: string
  /** Why the link was lost, when it was. */
  lost?: string
  /** A change shut us out, and the node took it back. */
  cut: boolean
}

export interface ApplyOptions {
  onLine(line: OutputLine): void
  signal?: AbortSignal
  /** Seconds that the node waits for us after a change that may have cut the link. */
  patience?: number
  /** More follows at once: handlers are owed to that, but for those of what may cut the link. */
  more?: boolean
  /** What is at work now. */
  onProgress?(place: Place): void
}

/**
 * Runs a plan in one remote execution. Never rejects for a lost link: what was done until then is told. What was begun
 * when the link is lost, or `signal` aborts, comes to its end on the node, and nothing after it begins.
 */
export async function apply(
  connection: Connection,
  plan: Plan,
  { onLine, signal, patience = PATIENCE, more = false, onProgress }: ApplyOptions,
): Promise<Applied> {
  const nonce = randomBytes(12).toString('hex')
  const jobs = listJobs(plan, more)
  const watch = new Watch(jobs, onLine, onProgress)
  const secret = randomBytes(6).toString('hex')
  const script = applyScript(jobs, plan, { nonce, secret, patience, more })
  const lost = await runScript(connection, script, nonce, watch, signal)
  if (!watch.armed || signal?.aborted) return watch.result(lost)
  const verdict = await confirm(connection, patience, onLine)
  return verdict === 'away' ? watch.result(AWAY) : watch.result(lost, verdict === 'undone')
}

const AWAY = 'a change has cut the link, and the node did not come back by taking it back'

/** Resolves to why the link was lost, when it was after the begin; before, it throws. */
async function runScript(
  connection: Connection,
  script: string,
  nonce: string,
  watch: Watch,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const stdout = new MarkedOutput(nonce, watch.line, watch.mark)
  let errors = ''
  const stderr = new LineSplitter((text) => {
    errors += `${text}\n`
    watch.report({ stream: 'stderr', text })
  })
  try {
    const { code } = await connection.exec(rootShell(connection), {
      stdin: script,
      onStdout: (chunk) => stdout.push(chunk),
      onStderr: (chunk) => stderr.push(chunk),
      ...(signal ? { signal } : {}),
      leave: true,
    })
    stdout.end()
    stderr.end()
    if (watch.disk) throw new NotApplied(`nothing was begun: ${watch.disk}`)
    if (!watch.begun && !watch.again) throw refusal(connection, { code, stderr: errors })
    return watch.done || watch.again ? undefined : `our script was ended with ${code ?? 'a signal'}`
  } catch (error) {
    if (!watch.begun) throw error
    return error instanceof Error ? error.message : String(error)
  }
}
