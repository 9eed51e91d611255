import type { Step } from '#contracts/descriptors.ts'
import type { Report } from './source.ts'
import type { ReadStep } from './task.ts'
import { unknownName } from './text.ts'

/**
 * Positions of the steps that each step waits for. As soon as one step of a task says what it needs, all do: who says
 * nothing needs nothing. Without any, each needs the one before it.
 */
export function needsOf(steps: readonly Pick<Step, 'id' | 'needs'>[]): number[][] {
  if (steps.every(({ needs }) => needs === undefined)) return steps.map((_, i) => (i === 0 ? [] : [i - 1]))
  const positions = new Map(steps.flatMap(({ id }, i) => (id === undefined ? [] : [[id, i] as const])))
  return steps.map(({ needs = [] }) => needs.flatMap((id) => positions.get(id) ?? []))
}

/** All steps that must have ended before each one may begin. */
export function stepsBefore(steps: readonly Pick<Step, 'id' | 'needs'>[]): Set<number>[] {
  const direct = needsOf(steps)
  return steps.map((_, i) => {
    const before = new Set<number>()
    const queue = [...(direct[i] ?? [])]
    for (let next = queue.pop(); next !== undefined; next = queue.pop())
      if (!before.has(next)) {
        before.add(next)
        queue.push(...(direct[next] ?? []))
      }
    return before
  })
}

export function checkNeeds(steps: readonly ReadStep[], report: Report): void {
  const ids = steps.flatMap(({ step }) => step.id ?? [])
  for (const { step, at } of steps)
    step.needs?.forEach((id, i) => {
      if (!ids.includes(id)) report([...at, 'needs', i], unknownName('step', id, ids))
    })
  const plain = steps.map(({ step }) => step)
  const before = stepsBefore(plain)
  const circle = steps.findIndex((_, i) => before[i]?.has(i))
  if (circle < 0) return
  report(
    [...(steps[circle]?.at ?? []), 'needs'],
    `steps need one another: ${circleFrom(plain, circle).join(' -> ')}`,
  )
}

function circleFrom(steps: readonly Step[], start: number): string[] {
  const direct = needsOf(steps)
  const seen = new Set<number>()
  const walk = (at: number, path: number[]): number[] | undefined => {
    seen.add(at)
    for (const next of direct[at] ?? []) {
      if (next === start) return [...path, next]
      const found = seen.has(next) ? undefined : walk(next, [...path, next])
      if (found) return found
    }
    return undefined
  }
  return (walk(start, [start]) ?? [start]).map((i) => steps[i]?.id ?? String(i + 1))
}
