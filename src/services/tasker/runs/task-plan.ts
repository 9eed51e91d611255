import type { Step, Task } from '#contracts/descriptors.ts'
import { needsOf, stepKind } from '#language'

/** Steps by their position in a run: those of the task, then those of `on_failure`. */
export const stepsOfTask = (task: Task): Step[] => [...task.steps, ...(task.on_failure ?? [])]

export const stepAt = (task: Task, position: number): Step | undefined => stepsOfTask(task)[position]

/** A step that sets a variable does so once, however many nodes it names. */
export function targetsOf(step: Step, task: Task): string[] {
  const targets = [...new Set(step.targets ?? task.targets)]
  return stepKind(step.run).kind === 'variable' ? targets.slice(0, 1) : targets
}

/** The nodes of a task in groups: each goes through all steps before the next begins. One group without `batch`. */
export function batchesOf(task: Task): string[][] {
  const nodes = [...new Set([...task.targets, ...task.steps.flatMap((step) => targetsOf(step, task))])]
  const used = nodes.filter((node) => task.steps.some((step) => targetsOf(step, task).includes(node)))
  const size = task.batch ? sizeOf(task.batch.size, used.length) : used.length
  const batches: string[][] = []
  for (let at = 0; at < used.length; at += size) batches.push(used.slice(at, at + size))
  return batches
}

/** At least one node, however small the share. */
const sizeOf = (size: number | string, nodes: number): number =>
  typeof size === 'number' ? size : Math.max(1, Math.floor((nodes * Number.parseInt(size, 10)) / 100))

/** Positions of the steps that a step of `steps` waits for. */
export const needsIn = (task: Task): number[][] => needsOf(task.steps)
