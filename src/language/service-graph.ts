import type { Service } from '#contracts/descriptors.ts'
import { cyclesIn } from './graph.ts'
import { unknownName } from './text.ts'

export type Services = ReadonlyMap<string, Service>

export const serviceCycles = (services: Services): string[][] =>
  cyclesIn(services.keys(), (id) => services.get(id)?.requires.filter((each) => services.has(each)) ?? [])

export const unknownRequirements = (
  service: Service,
  services: Services,
): { index: number; message: string }[] =>
  service.requires
    .map((id, index) => ({
      index,
      message: unknownName('service', id, services.keys()),
      isKnown: services.has(id),
    }))
    .filter(({ isKnown }) => !isKnown)

/** The services that a node has: those it names, what they require, and those of every node. */
export function servicesOf(named: Iterable<string>, services: Services): Set<string> {
  const base = [...services.values()].filter((service) => service.base).map((service) => service.id)
  const found = new Set<string>()
  const waiting = [...named, ...base]
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (found.has(id)) continue
    found.add(id)
    waiting.push(...(services.get(id)?.requires ?? []))
  }
  return found
}
