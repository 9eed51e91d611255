import type { Input, Output } from '#contracts'
import type { Step } from '#contracts/descriptors.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import { together } from '#kit/together.ts'
import {
  addressesIn,
  holds,
  render,
  renderProgram,
  renderShell,
  renderText,
  renderTree,
  stepKind,
} from '#language'
import type { RunStepRow } from '../tables.ts'
import type { Tasker } from '../tasker.ts'
import { askKnown, explain, type Known, maybeLater } from './known.ts'
import { scopeOf } from './scope.ts'
import { recordSecretUse } from './secret-use.ts'
import { findSnapshot, type Snapshot } from './snapshot.ts'
import { stepsOf } from './steps.ts'
import { stepAt } from './task-plan.ts'
import type { NewVariable } from './variable.ts'

/** A step as it starts on a node: its text, or why it cannot be had. `secrets`: to be hidden in its output. */
type Rendered = Output<'tasker.step_script'>

type Place = Pick<RunStepRow, 'step' | 'node'>

/** Steps run as this user; service commands say their own. */
const STEP_USER = 'devops'

/** Runs a rendering; what is wrong with the template is told without secrets. Throws when a neighbour does not answer. */
async function attempt<T>(known: Known, node: string, act: () => Promise<T>): Promise<T | { error: string }> {
  try {
    return await act()
  } catch (error) {
    if (!isProblem(error) || maybeLater(error)) throw error
    return { error: explain(known, error, node) }
  }
}

/** What a step comes down to on one node; throws only when a neighbour does not answer. */
async function renderStep(
  known: Known,
  snapshot: Snapshot,
  step: Step,
  row: Place,
  steps: readonly RunStepRow[],
): Promise<Rendered> {
  const rendered = await attempt(known, row.node, async () => {
    const scope = scopeOf(known, snapshot, step, row, steps)
    const { user, ...text } = await renderIn(known, snapshot, step, scope)
    return { ...text, user: step.user ?? user, env: renderEnv(step, scope) }
  })
  const secrets = [...known.hidden]
  if ('error' in rendered) return { script: null, user: STEP_USER, env: {}, ...rendered, secrets }
  return { ...rendered, error: null, secrets }
}

const renderEnv = ({ env = {} }: Step, scope: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [name, renderText(value, scope)]))

type Ready = { script: true } | { variable: NewVariable } | { skip: string } | { error: string }

/** Whether a step may begin on one node, and as what. */
export async function readyStep(
  known: Known,
  snapshot: Snapshot,
  step: Step,
  row: Place,
  steps: readonly RunStepRow[],
): Promise<Ready> {
  return attempt(known, row.node, async (): Promise<Ready> => {
    const scope = scopeOf(known, snapshot, step, row, steps)
    if (step.if !== undefined && !holds(step.if, scope))
      return { skip: `its condition does not hold: ${step.if}` }
    const kind = stepKind(step.run)
    if (kind.kind === 'variable') return { variable: { name: kind.name, value: render(kind.value, scope) } }
    await renderIn(known, snapshot, step, scope)
    renderEnv(step, scope)
    return { script: true }
  })
}

/** The values that the condition of a step is judged by, as texts: they may hold secrets. */
export function conditionTexts(
  known: Known,
  snapshot: Snapshot,
  step: Step,
  row: Place,
  steps: readonly RunStepRow[],
): string[] {
  if (step.if === undefined) return []
  const addresses = addressesIn(`{% if ${step.if} %}{% endif %}`)
  if (addresses.length === 0) return []
  const scope = scopeOf(known, snapshot, step, row, steps)
  return addresses.flatMap((address) => textAt(scope, address.split('.')))
}

function textAt(tree: unknown, path: readonly string[]): string[] {
  const [key, ...rest] = path
  if (key === undefined) return typeof tree === 'string' ? [tree] : [JSON.stringify(tree) ?? '']
  if (typeof tree !== 'object' || tree === null || !Object.hasOwn(tree, key)) return []
  return textAt((tree as Record<string, unknown>)[key], rest)
}

type Asked = Input<'tasker.step_script'>

/** Answers `tasker.step_script`: a run that is gone has no text any more. Steps that start together ask together. */
export function stepScript(tasker: Tasker): (asked: Asked) => Promise<Rendered> {
  const ask = together(
    ({ repo, run }: Asked) => `${repo} ${run}`,
    async (asked) => {
      const [{ repo, run }] = asked
      const snapshot = await findSnapshot(tasker.db, run)
      if (!snapshot || snapshot.work.repo !== repo) return undefined
      const nodes = asked.map(({ node }) => node)
      const [steps, known] = await Promise.all([stepsOf(tasker.db, run), askKnown(tasker, snapshot, nodes)])
      return { snapshot, steps, known }
    },
  )
  return async (asked) => {
    const { repo, run, step: index, node } = asked
    const found = await ask(asked)
    const step = found && stepAt(found.snapshot.task, index)
    if (!step) throw new Problem('not_found', { what: `step ${index + 1} of run ${run} in ${repo}` })
    const place = { step: index, node }
    const rendered = await renderStep(found.known, found.snapshot, step, place, found.steps)
    const texts = [rendered.script ?? '', ...Object.values(rendered.env)]
    await recordSecretUse(tasker, found.known, found.snapshot, place, texts)
    return rendered
  }
}

async function renderIn(
  known: Known,
  snapshot: Snapshot,
  step: Step,
  scope: Record<string, unknown>,
): Promise<{ script: string; user: string }> {
  const kind = stepKind(step.run)
  if (kind.kind === 'inline') return { script: renderShell(step.run, scope), user: STEP_USER }
  if (kind.kind === 'script') {
    return { script: renderScript(kind.path, snapshot.scripts[kind.path] ?? '', scope), user: STEP_USER }
  }
  if (kind.kind === 'variable') throw new Error('a step that sets a variable has no script')
  const { service, command } = kind
  const found = await known.command(service, command)
  const options = { ...found.defaults, ...renderTree<Record<string, unknown>>(step.options ?? {}, scope) }
  return { script: renderShell(found.template, { ...scope, options }), user: found.user }
}

const interpreters: Readonly<Record<string, string>> = { sh: '/bin/sh', py: 'python3', rb: 'ruby' }

/**
 * Values land in a shell script as quoted words. In other languages they may hold only what changes no text there: the
 * rest is for `env`. The first line is never a template.
 */
export function renderScript(path: string, text: string, scope: Record<string, unknown>): string {
  const { shebang, body } = splitShebang(text)
  const first = shebang ?? defaultShebang(path)
  const rendered = (isShell(first, path) ? renderShell : renderProgram)(body, scope)
  return first === undefined ? rendered : `${first}\n${rendered}`
}

function splitShebang(text: string): { shebang: string | undefined; body: string } {
  if (!text.startsWith('#!')) return { shebang: undefined, body: text }
  const end = text.indexOf('\n')
  if (end === -1) return { shebang: text, body: '' }
  return { shebang: text.slice(0, end).replace(/\r$/, ''), body: text.slice(end + 1) }
}

function defaultShebang(path: string): string | undefined {
  const interpreter = interpreters[path.split('.').at(-1) ?? '']
  if (interpreter === undefined) return undefined
  return interpreter.startsWith('/') ? `#!${interpreter}` : `#!/usr/bin/env ${interpreter}`
}

const isShell = (shebang: string | undefined, path: string): boolean =>
  shebang === undefined ? path.endsWith('.sh') : /\b(ba|da|k|z)?sh\b/.test(shebang)
