import type { Step, Task } from '#contracts/descriptors.ts'
import { namePattern } from '#contracts/ids.ts'
import {
  asList,
  asText,
  asTree,
  type Found,
  field,
  isTree,
  readVars,
  refuseUnknownKeys,
  type Tree,
} from './fields.ts'
import { checkInputTriggers, readInputs } from './inputs.ts'
import { checkNeeds } from './needs.ts'
import { checkType, type Known } from './node.ts'
import { checkOptions } from './options.ts'
import type { At, Document, Report } from './source.ts'
import { newStepKeys, readStepKeys } from './step-keys.ts'
import { stepKind } from './steps.ts'
import { newTaskKeys, readTaskKeys } from './task-keys.ts'
import { compare, show, unknownName } from './text.ts'
import { type ReadTriggers, readTriggers } from './triggers.ts'

export interface ReadStep {
  step: Step
  at: At
  /** Its own targets, or the task's. */
  targets: readonly string[]
}

export interface ReadTask {
  task: Task
  document: Document
  steps: ReadStep[]
  /** Those of `on_failure`. */
  onFailure: ReadStep[]
  triggers: ReadTriggers
}

const keys = new Set([
  ...['id', 'name', 'type', 'vars', 'triggers', 'when', 'targets', 'on', 'steps', 'do'],
  ...newTaskKeys,
  'inputs',
])
const stepKeys = new Set(['id', 'name', 'run', 'options', 'targets', 'on', 'vars', ...newStepKeys])

/** A task descriptor in canonical form; whatever is wrong with it is reported. */
export function readTask(id: string, document: Document, known: Known): ReadTask {
  const { report } = document
  const tree = isTree(document.value) ? document.value : {}
  refuseUnknownKeys(tree, keys, [], report)
  const name = asText(field(tree, [], report, 'name'), report)
  checkType(tree, 'task', report)
  const triggers = readTriggers(field(tree, [], report, 'triggers', 'when'), report, known)
  const targetsFound = field(tree, [], report, 'targets', 'on')
  const targets = readTargets(targetsFound, report, known)
  // Targets that were refused already need no second complaint in each step.
  const hasTargets = targetsFound !== undefined && !isEmptyList(targetsFound.value)
  const found = field(tree, [], report, 'steps', 'do')
  if (!found) report([], 'steps is missing: a task needs at least one step')
  const steps = readSteps(found, { targets, hasTargets }, report, known)
  checkNeeds(steps, report)
  const onFailure = readFailureSteps(tree, { targets, hasTargets }, report, known)
  const inputs = readInputs(tree, report)
  checkInputTriggers({ ...inputs, triggers: triggers.triggers }, report)
  const task: Task = {
    id,
    ...(name !== undefined && { name }),
    type: 'task',
    vars: readVars(tree, [], report),
    triggers: triggers.triggers,
    targets,
    steps: steps.map(({ step }) => step),
    ...(onFailure.length > 0 && { on_failure: onFailure.map(({ step }) => step) }),
    ...readTaskKeys(tree, report),
    ...inputs,
  }
  return { task, document, steps, onFailure, triggers }
}

interface Targets {
  targets: readonly string[]
  /** Were any named, known or not? */
  hasTargets: boolean
}

const isEmptyList = (value: unknown) => Array.isArray(value) && value.length === 0

function readTargets(found: Found | undefined, report: Report, known: Known): string[] {
  const list = asList(found, report)
  if (!found || !list) return []
  const targets: string[] = []
  list.forEach((target, i) => {
    const at = [...found.at, i]
    if (typeof target !== 'string') report(at, `must be the id of a node, got ${show(target)}`)
    else if (!known.nodes.has(target)) report(at, unknownName('node', target, known.nodes))
    else if (targets.includes(target)) report(at, `node ${show(target)} is named twice`)
    else targets.push(target)
  })
  return targets
}

function readFailureSteps(tree: Tree, task: Targets, report: Report, known: Known): ReadStep[] {
  const steps = readSteps(field(tree, [], report, 'on_failure'), task, report, known)
  for (const { step, at } of steps)
    if (step.needs) report([...at, 'needs'], 'steps of on_failure run one after another: they need nothing')
  return steps
}

function readSteps(found: Found | undefined, task: Targets, report: Report, known: Known): ReadStep[] {
  const list = asList(found, report)
  if (!found || !list) return []
  if (list.length === 0) report(found.at, 'a task needs at least one step')
  const ids = new Set<string>()
  return list.flatMap((written, i) => {
    const read = readStep(written, [...found.at, i], task, report, known)
    if (read?.step.id !== undefined) {
      if (ids.has(read.step.id))
        report([...read.at, 'id'], `id ${show(read.step.id)} is used by an earlier step of this task`)
      ids.add(read.step.id)
    }
    return read ?? []
  })
}

function readStep(
  written: unknown,
  at: At,
  task: Targets,
  report: Report,
  known: Known,
): ReadStep | undefined {
  const tree = typeof written === 'string' ? { run: written } : written
  if (!isTree(tree)) {
    report(at, `must be a step, a map with run, got ${show(written)}`)
    return undefined
  }
  refuseUnknownKeys(tree, stepKeys, at, report)
  const id = readStepId(field(tree, at, report, 'id'), report)
  const name = asText(field(tree, at, report, 'name'), report)
  const targetsFound = field(tree, at, report, 'targets', 'on')
  const own = readTargets(targetsFound, report, known)
  const hasTargets = targetsFound !== undefined && !isEmptyList(targetsFound.value)
  const targets = hasTargets ? own : task.targets
  const options = asTree(field(tree, at, report, 'options'), report)
  const runFound = field(tree, at, report, 'run')
  const run = asText(runFound, report)
  if (!runFound) report(at, 'run is missing: say what the step does')
  if (!hasTargets && !task.hasTargets)
    report(at, 'runs nowhere: name nodes in the targets of the task or of the step')
  const step: Step = {
    ...(id !== undefined && { id }),
    ...(name !== undefined && { name }),
    run: run ?? '',
    ...(options && { options }),
    ...(own.length > 0 && { targets: own }),
    ...(Object.hasOwn(tree, 'vars') && { vars: readVars(tree, at, report) }),
    ...readStepKeys(tree, at, report),
  }
  if (run !== undefined && runFound) checkRun(step, at, report, known)
  return { step, at, targets }
}

function readStepId(found: Found | undefined, report: Report): string | undefined {
  const id = asText(found, report)
  if (!found || id === undefined || namePattern.test(id)) return id
  report(found.at, `must be letters, digits, - and _, at most 63, got ${show(id)}`)
}

function checkRun(step: Step, at: At, report: Report, known: Known): void {
  const kind = stepKind(step.run)
  const here = [...at, 'run']
  if (kind.kind === 'command') checkCommand(kind, step, at, report, known)
  else if (step.options) report([...at, 'options'], 'only a command of a service has options: use vars')
  if (kind.kind === 'script') checkScript(kind.path, here, report, known)
  if (kind.kind === 'variable') checkVariable(step, kind, at, report)
  if (kind.kind === 'inline' && /(^|\n)[ \t]*devops([ \t]|$)/.test(step.run))
    report(here, '"devops …" is a step of its own: it cannot be one line of several, nor stand alone')
}

/** It has no process: what is about processes says nothing. */
function checkVariable(step: Step, kind: { name: string; value: string }, at: At, report: Report): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(kind.name))
    report([...at, 'run'], `a variable is named with letters, digits and _, got ${show(kind.name)}`)
  if (kind.value === '') report([...at, 'run'], 'needs a value: devops var set NAME VALUE')
  for (const key of ['env', 'timeout', 'retries', 'outputs', 'user'] as const)
    if (step[key] !== undefined) report([...at, key], 'says nothing of devops var set: it runs on no node')
}

function checkScript(path: string, at: At, report: Report, known: Known): void {
  if (Object.hasOwn(known.scripts, path)) return
  const [file = ''] = path.split(' ')
  if (file !== path && Object.hasOwn(known.scripts, file))
    report(at, `a script takes no arguments, use vars, got ${show(path)}`)
  else report(at, unknownName('script', path, Object.keys(known.scripts).sort(compare)))
}

function checkCommand(
  { service: id, command: name }: { service: string; command: string },
  step: Step,
  at: At,
  report: Report,
  known: Known,
): void {
  const here = [...at, 'run']
  if (/\{[{%]/.test(`${id} ${name}`)) {
    report(here, 'the service and its command are written out: templates go into options')
    return
  }
  const service = known.services.get(id)
  if (known.broken.has(id)) return
  if (!service) {
    const withCommands = [...known.services.values()].filter((each) => Object.keys(each.commands).length > 0)
    report(
      here,
      unknownName(
        'service',
        id,
        withCommands.map((each) => each.id),
      ),
    )
    return
  }
  const command = Object.hasOwn(service.commands, name) ? service.commands[name] : undefined
  if (command) checkOptions(command.options ?? {}, step.options ?? {}, [...at, 'options'], report)
  else if (name === '')
    report(here, `needs a command of ${id}: ${Object.keys(service.commands).sort(compare).join(', ')}`)
  else report(here, unknownName(`command of ${id}`, name, Object.keys(service.commands)))
}
