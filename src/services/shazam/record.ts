import { isIPv6 } from 'node:net'
import type { Facts } from '#contracts/facts.ts'
import type { Boot, State } from './facts/state.ts'

/**
 * What the registry keeps of a node: `NODE.facts.…`. What services tell of themselves is output of the node, and may
 * hold a secret.
 */
export function factsOf({ system, lines }: State, hide: (text: string) => string): Facts {
  const { os, kernel, architecture, cpus, cpu_model, memory, swap, devices, disks, addresses } = system
  const { boot_id, hostname, container, virtualization, pub_key } = system
  return {
    os,
    kernel,
    architecture,
    cpu: { count: cpus, model: cpu_model },
    memory: { total: memory, swap },
    disks: container ? [] : devices,
    filesystems: disks,
    addresses,
    ipv4: addresses.filter((address) => !isIPv6(address)),
    ipv6: addresses.filter(isIPv6),
    hostname,
    virtualization,
    container,
    boot_id,
    reboot: { required: system.reboot_required, packages: system.reboot_packages },
    pub_key,
    services: servicesOf(lines, hide),
  }
}

/** What need not be looked at again before the node's next start; undefined of a node that was never recorded. */
export function bootOf(facts: Partial<Facts>): Boot | undefined {
  const { boot_id, architecture, cpu, virtualization } = facts
  if (!boot_id || architecture === undefined || !cpu || virtualization === undefined) return undefined
  return { boot_id, architecture, cpu_model: cpu.model, virtualization }
}

function servicesOf(lines: State['lines'], hide: (text: string) => string): Facts['services'] {
  const services: Facts['services'] = {}
  for (const [address, text] of lines) {
    const [service = '', name = ''] = address.split('.')
    services[service] = { ...services[service], [name]: hide(text) }
  }
  return services
}
