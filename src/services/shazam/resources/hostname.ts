import Type from 'typebox'
import { quote } from '../quote.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'

export interface Hostname extends Resource {
  name: string
}

/** The lines by which Debian makes a host know its own name. */
const linesOf = (hosts: string[]) => hosts.filter((line) => /^127\.0\.1\.1\s/.test(line))

export const hostnameKind: Kind<Hostname> = {
  name: 'hostname',
  schema: Type.Object({
    hostname: Type.String({ pattern: '^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$' }),
  }),
  wish: (name) => ({ id: 'hostname', name: name.replaceAll('_', '-') }),
  ask: () => {},
  plan(wish, { system }) {
    const known = system.hosts.some((line) =>
      line.split('#')[0]?.trim().split(/\s+/).slice(1).includes(wish.name),
    )
    if (system.hostname === wish.name && system.static_hostname === wish.name && known)
      return unchanged(`the host name is ${wish.name}`)
    return change(
      `set the host name to ${wish.name}, not ${system.hostname}`,
      `set_hostname ${quote(wish.name)}`,
    )
  },
  before: (_, { system }) => ({ name: system.static_hostname, lines: linesOf(system.hosts) }),
  entry: ({ name }) => ({ name }),
  remove(owned, { system }) {
    const before = owned.before as { name: string; lines?: string[]; line?: string } | undefined
    if (!before?.name || before.name === system.hostname) return unchanged('the host name stays')
    return change(
      `set the host name back to ${before.name}, not ${system.hostname}`,
      `set_hostname ${quote([before.name, ...(before.lines?.length ? before.lines : [before.line ?? ''])])}`,
    )
  },
}
