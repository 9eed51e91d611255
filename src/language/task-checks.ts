import { templatesOf } from './node.ts'
import { checkTemplate, type World } from './references.ts'
import type { At } from './source.ts'
import { stepKind } from './steps.ts'
import type { ReadStep, ReadTask } from './task.ts'
import { show } from './text.ts'

/** Variables that stand bare in a step: its own, the task's, and those of its targets. */
export function taskVariables({ task }: ReadTask, step: ReadStep, world: World): Set<string> {
  const names = new Set([...Object.keys(task.vars), ...Object.keys(step.step.vars ?? {})])
  for (const target of step.targets)
    for (const name of Object.keys(world.nodes.get(target)?.node.vars ?? {})) names.add(name)
  return names
}

export function checkTaskTemplates(read: ReadTask, world: World): void {
  const { report } = read.document
  const own = new Set(Object.keys(read.task.vars))
  for (const { text, at } of templatesOf(read.task.vars, ['vars']))
    checkTemplate(text, at, report, { kind: 'task', variables: own, steps: new Set() }, world)
  const earlier = new Set<string>()
  for (const [i, step] of read.steps.entries()) {
    let variables: Set<string> | undefined
    for (const part of ['run', 'options', 'vars'] as const)
      for (const { text, at } of templatesOf(step.step[part], [...step.at, part])) {
        variables ??= taskVariables(read, step, world)
        checkTemplate(text, at, report, { kind: 'task', variables, steps: new Set(earlier) }, world)
      }
    if (step.step.id !== undefined) earlier.add(step.step.id)
    earlier.add(String(i))
  }
}

/** A command of a service on a node that does not have it will hardly do what is wanted. */
export function checkTargetServices({ steps, document }: ReadTask, world: World): void {
  for (const { step, at, targets } of steps) {
    const kind = stepKind(step.run)
    if (kind.kind !== 'command' || !world.services.has(kind.service)) continue
    const without = targets.filter((id) => world.nodes.get(id)?.services.has(kind.service) === false)
    if (without.length === 0) continue
    const nodes = without.slice(0, 5).map(show).join(', ')
    document.report([...at, 'run'], `service ${show(kind.service)} is not on ${nodes}`, 'warning')
  }
}

/** One path starts one task. */
export function checkWebhooks(tasks: ReadonlyMap<string, ReadTask>): void {
  const owners = new Map<string, string>()
  for (const [id, { task, triggers, document }] of tasks) {
    task.triggers.webhooks.forEach(({ path }, i) => {
      const at: At = triggers.webhooksAt[i] ?? []
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
