import Type from 'typebox'
import type { State } from '../facts/state.ts'
import { quote } from '../quote.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'

export interface Host extends Resource {
  name: string
  ip: string
  aliases: string[]
}

const Name = Type.String({ pattern: '^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$', description: 'host name' })

const Address = Type.String({
  pattern: '^([0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)$',
  description: 'IP address',
})

/** A line of /etc/hosts, found by its name. */
export const hostKind: Kind<Host> = {
  name: 'host',
  schema: Type.Object({ host: Name, ip: Address, aliases: Type.Optional(Type.Array(Name)) }),
  wish: (name, { ip, aliases = [] }) => ({
    id: `host:${name}`,
    name,
    ip: ip as string,
    aliases: aliases as string[],
  }),
  implies: () => ['hostname'],
  ask: () => {},
  plan(wish, state, { stale }) {
    const line = [wish.ip, wish.name, ...wish.aliases].join(' ')
    const found = lineFor(wish.name, state)
    if (found === line && !stale) return unchanged(`host ${wish.name} is ${wish.ip}`)
    return change(
      `host ${wish.name}: ${found ?? 'none'} -> ${line}`,
      `set_host ${quote([wish.name, line])}`,
      { creates: found === undefined },
    )
  },
  before({ name }, state) {
    const line = lineFor(name, state)
    return line === undefined ? undefined : { line }
  },
  entry: ({ name, ip, aliases }) => ({ name, ip, aliases }),
  remove(owned, state) {
    const name = owned.name as string
    const before = (owned.before?.line as string | undefined) ?? ''
    const found = lineFor(name, state)
    if (found === undefined || found === before) return unchanged(`host ${name} is as before`)
    return change(`host ${name}: ${found} -> ${before || 'none'}`, `set_host ${quote([name, before])}`)
  },
}

const lineFor = (name: string, { system }: State) =>
  system.hosts
    .map((line) => (line.split('#')[0] ?? '').trim().replace(/\s+/g, ' '))
    .find((line) => line.split(' ')[1] === name)
