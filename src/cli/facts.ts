import { bytes, printable } from './text.ts'

type Tree = Record<string, unknown>

/** Facts of a node as `key, value` for people. Those that this program does not know, of a newer platform, as JSON. */
export function factRows(facts: Tree): [string, string][] {
  const known = new Map(Object.entries(sentences).map(([name, say]) => [name, textOf(say, facts)]))
  const rest = Object.entries(facts)
    .filter(([name]) => !known.has(name) && !silent.has(name))
    .map(([name, value]): [string, string] => [name, plain(value)])
  return [...known, ...rest, ...serviceRows(facts.services)].map(([name, text]) => [name, printable(text)])
}

/** Told by another row. */
const silent = new Set(['ip', 'services', 'architecture', 'ipv4', 'ipv6', 'container', 'boot_id'])

/** A fact that has another shape, of an older platform or a broken one, is shown as it is. */
function textOf(say: Say, facts: Tree): string {
  try {
    return say(facts) ?? ''
  } catch {
    return ''
  }
}

// biome-ignore lint/suspicious/noExplicitAny: what a node tells is of any shape until it was looked at
type Say = (facts: any) => string | undefined

const sentences: Record<string, Say> = {
  os: ({ os }) => os?.name,
  kernel: ({ kernel, architecture }) => kernel && [kernel, architecture].filter(Boolean).join(', '),
  cpu: ({ cpu }) => cpu && [cpu.count, cpu.model].filter(Boolean).join(' x '),
  memory: ({ memory }) => memory && `${bytes(memory.total)}, swap ${bytes(memory.swap)}`,
  disks: ({ disks }) => disks?.map(({ name, size }: Disk) => `${name} ${bytes(size)}`).join(', '),
  filesystems: ({ filesystems }) =>
    filesystems?.map(({ mount, size }: Filesystem) => `${mount} ${bytes(size)}`).join(', '),
  addresses: ({ addresses }) => addresses?.join(', '),
  hostname: ({ hostname }) => hostname,
  virtualization: ({ virtualization }) => virtualization,
  reboot: ({ reboot }) =>
    reboot?.required ? ['required', reboot.packages?.join(', ')].filter(Boolean).join(', for ') : '',
}

interface Disk {
  name: string
  size: number
}

interface Filesystem {
  mount: string
  size: number
}

/** Versions stand with the services; here is what else they tell. */
function serviceRows(services: unknown): [string, string][] {
  if (typeof services !== 'object' || services === null) return []
  return Object.entries(services as Record<string, Tree>).flatMap(([service, told]) =>
    Object.entries(told ?? {})
      .filter(([name]) => name !== 'version')
      .map(([name, value]): [string, string] => [`${service} ${name}`, plain(value)]),
  )
}

const plain = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
