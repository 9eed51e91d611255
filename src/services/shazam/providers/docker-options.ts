import type Docker from 'dockerode'
import { type Descriptor, refusal } from './index.ts'

/** Memory in MiB and processors of the named sizes. */
export const sizes: Record<string, { memory: number; cpus: number }> = {
  small: { memory: 512, cpus: 0.5 },
  medium: { memory: 2048, cpus: 1 },
  large: { memory: 4096, cpus: 2 },
}

const wrong = (reason: string) => refusal('docker', 'final', reason)

/** `size: small|medium|large`, or `memory` (MiB) and `cpus`; without any of them the container has no limit. */
export function limits(descriptor: Descriptor): { memory?: number; cpus?: number } {
  const { size, memory, cpus } = descriptor as { size?: unknown; memory?: unknown; cpus?: unknown }
  const named = size === undefined ? undefined : sizes[String(size)]
  if (size !== undefined && !named)
    throw wrong(`size is \`${String(size)}\`, must be one of ${Object.keys(sizes).join(', ')}`)
  const mebibytes = positive('memory', memory) ?? named?.memory
  return {
    ...(mebibytes && { memory: mebibytes * 1024 * 1024 }),
    ...((cpus ?? named) && { cpus: positive('cpus', cpus) ?? named?.cpus }),
  }
}

function positive(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number' && value > 0) return value
  throw wrong(`${name} is \`${String(value)}\`, must be a number above 0`)
}

export interface VolumeWish {
  name: string
  path: string
}

/**
 * `volumes: ['data:/var/lib/data']`: named volumes only, and named by repository: a path of the host would hand the
 * host to whoever may push.
 */
export function volumes(descriptor: Descriptor): VolumeWish[] {
  return list(descriptor, 'volumes').map((text) => {
    const found = /^([A-Za-z0-9][A-Za-z0-9_.-]*):(\/[^:,]*)$/.exec(text)
    if (!found) throw wrong(`volume \`${text}\` must be NAME:/path; folders of the host cannot be mounted`)
    const [, name = '', path = ''] = found
    return { name, path }
  })
}

/** `ports: ['8080:80', '127.0.0.1:5432:5432', '127.0.0.1::80', '53:53/udp']`, host first; none: any free one. */
export function ports(descriptor: Descriptor): Docker.PortMap {
  const map: Docker.PortMap = {}
  for (const text of list(descriptor, 'ports')) {
    const found = /^(?:(\d+\.\d+\.\d+\.\d+):)?(\d*):(\d+)(?:\/(tcp|udp))?$/.exec(text)
    if (!found) throw wrong(`port \`${text}\` must be HOST:CONTAINER, like 8080:80`)
    const [, ip, outside, inside, protocol = 'tcp'] = found
    const key = `${inside}/${protocol}`
    map[key] = [...(map[key] ?? []), { HostIp: ip ?? '', HostPort: outside }]
  }
  return map
}

/** Keys that can be changed while the container runs. */
const sizing = new Set(['size', 'memory', 'cpus'])

export const withoutSizing = (descriptor: Descriptor): Record<string, unknown> =>
  Object.fromEntries(Object.entries(descriptor).filter(([key]) => !sizing.has(key)))

/** A network that exists, by name; the host's own would hand the host to whoever may push. Absent: the repository's. */
export function network(descriptor: Descriptor): string | undefined {
  const name = (descriptor as { network?: unknown }).network
  if (name === undefined) return undefined
  if (
    typeof name === 'string' &&
    /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name) &&
    name !== 'host' &&
    name !== 'none'
  )
    return name
  throw wrong(`network is \`${String(name)}\`, must be the name of a network of the engine, not host or none`)
}

const policies = ['unless-stopped', 'always', 'no']

/** What the engine does when the container ends, or the engine begins. */
export function restart(descriptor: Descriptor): { restart?: string } {
  // YAML 1.1 tools write `no` as false.
  const given = (descriptor as { restart?: unknown }).restart
  const policy = given === false ? 'no' : given
  if (policy === undefined) return {}
  if (policies.includes(String(policy))) return { restart: String(policy) }
  throw wrong(`restart is \`${String(policy)}\`, must be one of ${policies.join(', ')}`)
}

function list(descriptor: Descriptor, key: string): string[] {
  const value = (descriptor as Record<string, unknown>)[key] ?? []
  if (Array.isArray(value)) return value.map(String)
  throw wrong(`${key} must be a list`)
}
