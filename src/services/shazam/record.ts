import type { State } from './facts/state.ts'

/** What the registry keeps of a node: `NODE.facts.…`. Nothing in it moves by itself. */
export type Facts = Record<string, unknown>

/** What services tell of themselves is output of a node: it may hold a secret. */
export function factsOf({ system, lines }: State, hide: (text: string) => string): Facts {
  const services: Record<string, Record<string, string>> = {}
  for (const [address, text] of lines) {
    const [service = '', name = ''] = address.split('.')
    services[service] = { ...services[service], [name]: hide(text) }
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
