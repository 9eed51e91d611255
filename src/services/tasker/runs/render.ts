import type { Input, Output } from '#contracts'
import type { Step } from '#contracts/descriptors.ts'
import type { Unresolved } from '#contracts/registry.ts'
import { hider } from '#kit/mask.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import { renderShell, renderText, renderTree, stepKind } from '#language'
import type { RunStepRow } from '../tables.ts'
import type { Tasker } from '../tasker.ts'
import { scopeOf } from './scope.ts'
import { findSnapshot, type Snapshot } from './snapshot.ts'
import { stepsOf } from './steps.ts'

/** A step as it starts on a node: its text, or why it cannot be had. `secrets`: to be hidden in its output. */
type Rendered = Output<'tasker.step_script'>

/** Steps run as this user; service commands say their own. */
const STEP_USER = 'devops'

const placeOf = ({ work: { repo, commit } }: Snapshot) => ({ repo, ...(commit !== null && { commit }) })

/** What a step comes down to on one node; throws only when a neighbour does not answer. */
export async function renderStep(
  tasker: Tasker,
  snapshot: Snapshot,
  step: Step,
  node: string,
  done: readonly RunStepRow[],
): Promise<Rendered> {
  const place = { ...placeOf(snapshot), node, task: snapshot.task.id }
  const resolved = await tasker.bus.ask('registry.resolve', place)
  const secrets = (resolved.$secrets ?? []) as string[]
  try {
    const scope = scopeOf(resolved, snapshot, step, node, done)
    return { ...(await renderIn(tasker, snapshot, step, scope)), error: null, secrets }
  } catch (error) {
    if (!isProblem(error) || maybeLater(error)) throw error
    const { message } = withUnresolved(error, resolved, node)
    return { script: null, user: STEP_USER, error: hider(secrets)(message), secrets }
  }
}

/** A neighbour is away: to ask again may help. */
export const maybeLater = (error: unknown): boolean =>
  !isProblem(error) || isProblem(error, 'no_answer') || isProblem(error, 'deadline')

/** Answers `tasker.step_script`: a run that is gone has no text any more. */
export const stepScript =
  (tasker: Tasker) =>
  async ({ repo, run, step: index, node }: Input<'tasker.step_script'>): Promise<Rendered> => {
    const snapshot = await findSnapshot(tasker.db, run)
    const step = snapshot?.task.steps[index]
    if (snapshot?.work.repo !== repo || !step)
      throw new Problem('not_found', { what: `step ${index + 1} of run ${run} in ${repo}` })
    const done = (await stepsOf(tasker.db, run)).filter((row) => row.step < index)
    return renderStep(tasker, snapshot, step, node, done)
  }

/** A variable that depends on what is not known yet is missing: the reason is more use than the name alone. */
function withUnresolved(error: Problem, { $unresolved }: Record<string, unknown>, node: string): Problem {
  if (error.code !== 'invalid' || !Array.isArray($unresolved)) return error
  const missing = ($unresolved as Unresolved[]).find((each) => each.node === null || each.node === node)
  if (!missing) return error
  return new Problem('invalid', {
    ...error.data,
    reason: `${error.data.reason}; ${missing.at}: ${missing.reason}`,
  })
}

async function renderIn(
  { bus }: Tasker,
  snapshot: Snapshot,
  step: Step,
  scope: Record<string, unknown>,
): Promise<{ script: string; user: string }> {
  const place = placeOf(snapshot)
  const kind = stepKind(step.run)
  if (kind.kind === 'inline') return { script: renderShell(step.run, scope), user: STEP_USER }
  if (kind.kind === 'script') {
    return { script: renderScript(kind.path, snapshot.scripts[kind.path] ?? '', scope), user: STEP_USER }
  }
  if (kind.kind === 'variable') throw new Error('a step that sets a variable has no script')
  const { service, command } = kind
  const found = await bus.ask('shazam.command', { ...place, service, command })
  const options = { ...found.defaults, ...renderTree<Record<string, unknown>>(step.options ?? {}, scope) }
  return { script: renderShell(found.template, { ...scope, options }), user: found.user }
}

const interpreters: Readonly<Record<string, string>> = { sh: '/bin/sh', py: 'python3', rb: 'ruby' }

/** Values land in a shell script as quoted words; in other languages as they are. The first line is never a template. */
export function renderScript(path: string, text: string, scope: Record<string, unknown>): string {
  const { shebang, body } = splitShebang(text)
  const first = shebang ?? defaultShebang(path)
  const render = isShell(first, path) ? renderShell : renderText
  return first === undefined ? render(body, scope) : `${first}\n${render(body, scope)}`
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
