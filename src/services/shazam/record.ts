import type { State } from './facts/state.ts'

/** What the registry keeps of a node: `NODE.facts.…`. Nothing in it moves by itself. */
export type Facts = Record<string, unknown>

export function factsOf({ system, lines }: State): Facts {
  const services: Record<string, Record<string, string>> = {}
  for (const [address, text] of lines) {
    const [service = '', name = ''] = address.split('.')
    services[service] = { ...services[service], [name]: text }
  }
  const {
    os,
    kernel,
    architecture,
    cpus,
    memory,
    swap,
    disks,
    addresses,
    boot_id,
    hostname,
    container,
    pub_key,
  } = system
  return {
    os,
    kernel,
    architecture,
    cpus,
    memory,
    swap,
    disks,
    addresses,
    boot_id,
    hostname,
    container,
    pub_key,
    services,
  }
}
