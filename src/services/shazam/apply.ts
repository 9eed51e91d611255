import { randomBytes } from 'node:crypto'
import type { Graph, Handler } from './graph.ts'
import { LineSplitter, MarkedOutput } from './lines.ts'
import type { Action, Plan } from './plan.ts'
import { prelude } from './prelude.ts'
import { refusal, rootShell } from './probe.ts'
import { quote } from './quote.ts'
import type { Connection } from './transport/connection.ts'

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
  /** Why the link was lost, when it was. */
  lost?: string
}

/** Runs a plan in one remote execution. Never rejects for a lost link: what was done until then is told. */
export async function apply(
  connection: Connection,
  graph: Graph,
  plan: Plan,
  onLine: (line: OutputLine) => void,
  signal?: AbortSignal,
): Promise<Applied> {
  const nonce = randomBytes(12).toString('hex')
  const jobs = listJobs(graph, plan)
  const watch = new Watch(jobs, onLine)
  const stdout = new MarkedOutput(nonce, watch.line, watch.mark)
  let errors = ''
  const stderr = new LineSplitter((text) => {
    errors += `${text}\n`
    watch.report({ stream: 'stderr', text })
  })
  try {
    const { code } = await connection.exec(rootShell(connection), {
      stdin: applyScript(jobs, plan, nonce, randomBytes(6).toString('hex')),
      onStdout: (chunk) => stdout.push(chunk),
      onStderr: (chunk) => stderr.push(chunk),
      ...(signal ? { signal } : {}),
    })
    stdout.end()
    stderr.end()
    if (!watch.begun && !watch.again) throw refusal(connection, { code, stderr: errors })
    return watch.result(
      watch.done || watch.again ? undefined : `our script was ended with ${code ?? 'a signal'}`,
    )
  } catch (error) {
    if (!watch.begun) throw error
    return watch.result(error instanceof Error ? error.message : String(error))
  }
}

/** What the script runs, numbered by position. */
interface Job {
  name: string
  script: string
  /** Undefined: the packages of several actions at once, tried first. */
  action?: Action
  handler?: Handler
}

function listJobs(graph: Graph, plan: Plan): Job[] {
  const jobs: Job[] = []
  for (const [at, action] of plan.actions.entries()) {
    const bulk = bulkAt(plan.actions, at)
    if (bulk.length > 1) jobs.push({ name: 'packages', script: bulkScript(bulk) })
    jobs.push({ name: action.resource, script: action.script, action })
  }
  const notified = new Set([...plan.pending, ...plan.actions.flatMap(({ notify }) => notify)])
  const handlers = graph.handlers.filter(({ id }) => notified.has(id))
  return [
    ...jobs,
    ...handlers.map((handler) => ({
      name: `handler:${handler.id}`,
      script: handlerScript(handler),
      handler,
    })),
  ]
}

/** The run of package installations that begins here; empty when none begins here. */
function bulkAt(actions: Action[], at: number): Action[] {
  const installs = (action: Action | undefined) => action?.script.startsWith('install_packages ') ?? false
  if (installs(actions[at - 1])) return []
  const end = actions.findIndex((action, i) => i >= at && !installs(action))
  return actions.slice(at, end < 0 ? undefined : end)
}

/** One apt-get for all is much faster than one for each; should it fail, each is tried by itself. */
function bulkScript(actions: Action[]): string {
  const targets = actions.map(({ script }) => (script.split('\n')[0] ?? '').replace('install_packages ', ''))
  const notes = actions.filter(({ made }) => made).map(({ resource }) => `note_made ${quote(resource)}`)
  return [...notes, `install_packages ${targets.join(' ')}`].join('\n')
}

function handlerScript({ unit, do: act, run, check }: Handler): string {
  const lines = check ? [check] : []
  if (unit) lines.push(`${act === 'restart' ? 'restart' : 'reload'}_unit ${quote(unit)}`)
  if (run) lines.push(run)
  return lines.join('\n')
}

/** Handlers that make this one needless: a restart of the same unit, or the same act under another name. */
function overruling(handler: Handler, all: readonly Handler[]): string[] {
  if (!handler.unit) return []
  const same = all.filter(({ id, unit }) => unit === handler.unit && id !== handler.id)
  const before = all.slice(0, all.indexOf(handler))
  return same
    .filter(
      (other) =>
        (handler.do !== 'restart' && other.do === 'restart') ||
        (other.do === handler.do && before.includes(other)),
    )
    .map(({ id }) => id)
}

export function applyScript(jobs: Job[], plan: Plan, nonce: string, secret: string): string {
  const numbers = new Map(
    jobs.flatMap(({ action }, at) => (action && !action.removes ? [[action.resource, at] as const] : [])),
  )
  const handlers = jobs.flatMap(({ handler }) => (handler ? [handler] : []))
  const bodies = jobs.map(({ script }, at) => `action_${at}() {\n${script}\n}`)
  const runs = jobs.flatMap(({ action, handler }, at) => {
    if (handler) return [`handle ${quote([String(at), handler.id, overruling(handler, handlers).join(' ')])}`]
    if (!action) return [`bulk ${at}`]
    const needs = action.requires.map((id) => numbers.get(id)).filter((number) => number !== undefined)
    const words = [String(at), needs.join(' '), action.notify.join(' '), action.made ? action.resource : '']
    const forget = action.removes ? [`[ $code != 0 ] || forget_made ${quote(action.resource)}`] : []
    return [`run ${quote(words)}`, ...forget]
  })
  const start = plan.pending.map((id) => `notified="$notified"${quote(`${id} `)}`)
  const main = ['main() {', 'enter', ...start, ...runs, 'leave', '}'].join('\n')
  return [`nonce=${nonce}`, `secret=${secret}`, prelude, ...bodies, main, 'main', ''].join('\n')
}

/** Follows an apply by its marks. */
class Watch {
  begun = false
  done = false
  again = false
  readonly #jobs: Job[]
  readonly #onLine: (line: OutputLine) => void
  readonly #outcomes = new Map<number, Outcome>()
  #at: number | undefined
  #last: string[] = []

  constructor(jobs: Job[], onLine: (line: OutputLine) => void) {
    this.#jobs = jobs
    this.#onLine = onLine
  }

  line = (text: string): void => {
    if (this.#last.push(text) > 5) this.#last.shift()
    this.report({ stream: 'stdout', text })
  }

  report(line: OutputLine): void {
    const name = this.#at === undefined ? undefined : this.#jobs[this.#at]?.name
    this.#onLine({ ...line, ...(name === undefined ? {} : { resource: name }) })
  }

  mark = ([word, number, detail]: string[]): void => {
    const at = Number(number)
    if (word === 'begin') this.begun = true
    if (word === 'done') this.done = true
    if (word === 'again') this.again = true
    if (word === 'wait')
      this.report({ stream: 'platform', text: 'another apply is at work on this node: waiting for its end' })
    if (word === 'start') {
      this.#at = at
      this.#last = []
    }
    if (word === 'end') this.#end(at, Number(detail))
    if (word === 'skip') this.#skip(at, Number(detail))
  }

  #end(at: number, code: number): void {
    this.#at = undefined
    const job = this.#jobs[at]
    if (!job?.action && !job?.handler) return
    const result = code === 0 ? 'changed' : code === 77 ? 'unchanged' : 'failed'
    const reason =
      result === 'failed' ? `ended with ${code}${this.#last.length ? `: ${this.#last.join(' / ')}` : ''}` : ''
    this.#outcomes.set(at, { resource: job.name, result, reason })
  }

  #skip(at: number, need: number): void {
    const resource = this.#jobs[at]?.name ?? ''
    const reason = `it needs ${this.#jobs[need]?.name}, which failed`
    this.#outcomes.set(at, { resource, result: 'skipped', reason })
    this.report({ stream: 'platform', text: `${resource} is skipped: ${reason}` })
  }

  result(lost: string | undefined): Applied {
    const job = this.#at === undefined ? undefined : this.#jobs[this.#at]
    if (this.#at !== undefined && job?.action)
      this.#outcomes.set(this.#at, { resource: job.name, result: 'unfinished', reason: lost ?? '' })
    return {
      outcomes: [...this.#outcomes.values()],
      again: this.again,
      ...(lost === undefined ? {} : { lost }),
    }
  }
}
