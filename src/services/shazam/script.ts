import { gzipSync } from 'node:zlib'
import type { Handler } from './graph.ts'
import { undoText } from './guard.ts'
import type { Action, Plan } from './plan.ts'
import { prelude } from './prelude.ts'
import { quote } from './quote.ts'

/** What the script of an apply runs, numbered by position. */
export interface Job {
  name: string
  script: string
  /** Undefined: a handler, or the packages of several actions at once, tried first. */
  action?: Action
  handler?: Handler
}

/** With `more`, only the handlers of what may cut the link: the undo must see what they do. */
export function listJobs(plan: Plan, more = false): Job[] {
  const jobs: Job[] = []
  const notified = new Set(plan.pending)
  const handlers = () =>
    plan.handlers
      .filter(({ id }) => notified.has(id))
      .map((handler) => ({ name: `handler:${handler.id}`, script: handlerScript(handler), handler }))
  for (const [at, action] of plan.actions.entries()) {
    const bulk = bulkAt(plan.actions, at)
    if (bulk.length > 1) jobs.push({ name: 'packages', script: bulkScript(bulk, numbersOf(jobs)) })
    if (action.kind === 'flush') {
      jobs.push(...handlers())
      notified.clear()
    }
    jobs.push({ name: action.resource, script: action.script, action })
    for (const id of action.notify) if (!more || action.cuts) notified.add(id)
  }
  return [...jobs, ...handlers()]
}

/** The run of package installations that begins here; empty when none begins here. */
function bulkAt(actions: Action[], at: number): Action[] {
  const installs = (action: Action | undefined) => action?.script.startsWith('install_packages ') ?? false
  if (installs(actions[at - 1])) return []
  const end = actions.findIndex((action, i) => i >= at && !installs(action))
  return actions.slice(at, end < 0 ? undefined : end)
}

/** One apt-get for all is much faster than one for each; should it fail, each is tried by itself. */
function bulkScript(actions: Action[], numbers: ReadonlyMap<string, number>): string {
  const lines = actions.map(({ script, made, resource, requires }) => {
    const target = (script.split('\n')[0] ?? '').replace('install_packages ', '')
    const needs = requires.map((id) => numbers.get(id)).filter((number) => number !== undefined)
    const note = made ? `note_made ${quote(resource)}; ` : ''
    const take = `${note}set -- "$@" ${target}`
    return needs.length === 0 ? take : `if able ${quote(needs.join(' '))}; then ${take}; fi`
  })
  return ['set --', ...lines, '[ $# -lt 2 ] || install_packages "$@"'].join('\n')
}

export function handlerScript({ unit, do: act, run, check, left }: Handler): string {
  const lines = check ? [check] : []
  if (unit) lines.push(`${act === 'restart' ? 'restart' : 'reload'}_unit ${quote(unit)}`)
  if (run) lines.push(run)
  if (!left) return lines.join('\n')
  // The program may have left as well: then nothing has to be told to it.
  return unit
    ? [`systemctl is-active --quiet -- ${quote(unit)} || exit 0`, ...lines].join('\n')
    : `(\n${lines.join('\n')}\n) || :`
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

export interface ScriptOptions {
  /** Begins our own marks in the output. */
  nonce: string
  /** Part of the names of our temporary files. */
  secret: string
  /** Seconds that the node waits for us after a change that may have cut the link; 0: it does not take it back. */
  patience: number
  /** What is owed stays so: another apply follows. */
  more: boolean
}

export function applyScript(jobs: Job[], plan: Plan, options: ScriptOptions): string {
  const { nonce, secret, patience, more } = options
  const cuts = patience > 0 ? jobs.findIndex(({ action }) => action?.cuts) : -1
  const bodies = jobs.map(({ script }, at) => `action_${at}() {\n${script || ':'}\n}`)
  const lines = lineForEach(plan, jobs)
  if (cuts >= 0) lines.splice(cuts, 0, arming(jobs, patience, secret))
  const start = plan.pending.map((id) => `notified="$notified"${quote(`${id} `)}`)
  const stays = plan.actions.some(({ removes }) => removes) ? [staying(plan.staying)] : []
  const end = more ? 'leave more' : 'leave'
  const main = ['main() {', 'enter', ...stays, ...start, ...lines, end, '}'].join('\n')
  const slow = jobs.flatMap(({ action }, at) => (action && quick.has(action.kind) ? [] : [at]))
  const titles = slow.map((at) => `${at}) echo ${quote(jobs[at]?.name ?? '')} ;;`)
  const title = `title() {\ncase $1 in\n${titles.join('\n')}\nesac\n}`
  const settings = [`nonce=${nonce} secret=${secret} slow='${slow.join(' ')}'`]
  if (cuts >= 0) settings.push('undo_root=$GUARD')
  return [prelude, ...settings, title, ...bodies, main, 'main', ''].join('\n')
}

/** Kinds whose jobs end in a moment and start nothing that goes on: they are not worth a lock of their own. */
const quick = new Set(['file', 'directory', 'link', 'line', 'host', 'group', 'membership', 'flush'])

const numbersOf = (jobs: Job[]): Map<string, number> =>
  new Map(
    jobs.flatMap(({ action }, at) => (action && !action.removes ? [[action.resource, at] as const] : [])),
  )

/** What `main` does for each job. */
function lineForEach(plan: Plan, jobs: Job[]): string[] {
  const numbers = numbersOf(jobs)
  return jobs.map(({ action, handler }, at) => {
    if (handler) {
      const sources = jobs.flatMap((job, i) => (i < at && job.action?.notify.includes(handler.id) ? [i] : []))
      const words = [String(at), handler.id, overruling(handler, plan.handlers).join(' '), sources.join(' ')]
      return `handle ${quote(words)}`
    }
    if (!action) return `bulk ${at}`
    const needs = action.requires.map((id) => numbers.get(id)).filter((number) => number !== undefined)
    const flags = [action.made ? action.resource : '', action.cuts ? 'cuts' : '']
    const run = `run ${quote([String(at), needs.join(' '), action.notify.join(' '), ...flags])}`
    return action.removes ? `${run}\n[ $code != 0 ] || forget_made ${quote(action.resource)}` : run
  })
}

const staying = (paths: string[]) => `printf '%s\\n' ${quote(paths)} >"$STAYING"`

function arming(jobs: Job[], patience: number, secret: string): string {
  const undo = gzipSync(undoText(jobs, secret)).toString('base64')
  return `arm ${patience} <<'BASE64'\n${undo.replace(/.{1,76}/g, '$&\n')}BASE64`
}
