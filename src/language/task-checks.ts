import type { Step } from '#contracts/descriptors.ts'
import { asTemplate, conditionTrouble } from './condition.ts'
import { stepsBefore } from './needs.ts'
import { templatesOf } from './node.ts'
import { checkTemplate, type World } from './references.ts'
import type { At } from './source.ts'
import { stepKind } from './steps.ts'
import type { ReadStep, ReadTask } from './task.ts'
import { show } from './text.ts'
import { secretTrouble } from './webhook-trigger.ts'

/** Variables that stand bare in a step: its own, the task's, and those of its targets. */
export function taskVariables({ task }: ReadTask, step: ReadStep, world: World): Set<string> {
  const names = new Set([
    ...Object.keys(task.inputs ?? {}),
    ...Object.keys(task.vars),
    ...Object.keys(step.step.vars ?? {}),
  ])
  for (const target of step.targets)
    for (const name of Object.keys(world.nodes.get(target)?.node.vars ?? {})) names.add(name)
  return names
}

export function checkTaskTemplates(read: ReadTask, world: World): void {
  const { report } = read.document
  const own = new Set(Object.keys(read.task.vars))
  for (const { text, at } of templatesOf(read.task.vars, ['vars']))
    checkTemplate(text, at, report, { kind: 'task', variables: own, steps: new Map() }, world)
  const plain = read.steps.map(({ step }) => step)
  const before = stepsBefore(plain)
  for (const [i, step] of read.steps.entries()) {
    const earlier = plain.map((_, k) => k).filter((k) => before[i]?.has(k))
    checkStepTemplates(read, step, toldBy(plain, earlier), world)
  }
  const failure = read.onFailure.map(({ step }) => step)
  for (const [i, step] of read.onFailure.entries())
    checkStepTemplates(
      read,
      step,
      toldBy([...plain, ...failure], [...plain, ...failure.slice(0, i)].keys()),
      world,
    )
}

/** What steps of some positions tell later ones: by id and position, the outputs that they declare. */
function toldBy(steps: readonly Step[], positions: Iterable<number>): Map<string, readonly string[]> {
  const told = new Map<string, readonly string[]>()
  for (const i of positions) {
    const { id, outputs = [] } = steps[i] ?? {}
    told.set(String(i), outputs)
    if (id !== undefined) told.set(id, outputs)
  }
  return told
}

function checkStepTemplates(
  read: ReadTask,
  step: ReadStep,
  steps: ReadonlyMap<string, readonly string[]>,
  world: World,
): void {
  const { report } = read.document
  let variables: Set<string> | undefined
  const check = (text: string, at: At) => {
    variables ??= taskVariables(read, step, world)
    checkTemplate(text, at, report, { kind: 'task', variables, steps }, world)
  }
  for (const part of ['run', 'options', 'vars', 'env'] as const)
    for (const { text, at } of templatesOf(step.step[part], [...step.at, part])) check(text, at)
  if (step.step.if !== undefined && conditionTrouble(step.step.if) === undefined)
    check(asTemplate(step.step.if), [...step.at, 'if'])
}

/** A command of a service on a node that does not have it will hardly do what is wanted. */
export function checkTargetServices({ steps, onFailure, document }: ReadTask, world: World): void {
  for (const { step, at, targets } of [...steps, ...onFailure]) {
    const kind = stepKind(step.run)
    if (kind.kind !== 'command' || !world.services.has(kind.service)) continue
    const without = targets.filter((id) => world.nodes.get(id)?.services.has(kind.service) === false)
    if (without.length === 0) continue
    const nodes = without.slice(0, 5).map(show).join(', ')
    document.report([...at, 'run'], `service ${show(kind.service)} is not on ${nodes}`, 'warning')
  }
}

/** One path starts one task, and its secret is there. */
export function checkWebhooks(
  tasks: ReadonlyMap<string, ReadTask>,
  secrets: ReadonlySet<string> | undefined,
): void {
  const owners = new Map<string, string>()
  for (const [id, { task, triggers, document }] of tasks) {
    task.triggers.webhooks.forEach((webhook, i) => {
      const { path } = webhook
      const at: At = triggers.webhooksAt[i] ?? []
      const trouble = secretTrouble(webhook, secrets)
      if (trouble) document.report([...at, 'secret'], trouble)
      const owner = owners.get(path)
      if (owner === undefined) owners.set(path, id)
      else
        document.report(
          at,
          `path ${show(path)} is used already, by ${owner === id ? 'this task' : `task ${show(owner)}`}`,
        )
    })
  }
}
