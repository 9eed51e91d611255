import Type from 'typebox'
import type { State } from '../facts/state.ts'
import { quote } from '../quote.ts'
import { change, type Entry, type Kind, type Resource, unchanged } from './kind.ts'

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

/**
 * A line of /etc/hosts, found by its first name. Lines of others for that name are commented out, where they stand, for as
 * long as ours is there.
 */
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
  plan(wish, state, { stale, owned }) {
    const line = lineOf(wish)
    const found = linesFor(wish.name, state)
    if (found.length > 0 && found.every((one) => one === line) && !stale)
      return unchanged(`host ${wish.name} is ${wish.ip}`)
    return change(
      `host ${wish.name}: ${found.join(' and ') || 'none'} -> ${line}`,
      `set_host ${quote([wish.name, line, owned ? oursOf(owned) : ''])}`,
      { creates: found.length === 0 },
    )
  },
  before({ name }, state) {
    const lines = linesFor(name, state)
    return lines.length === 0 ? undefined : { lines }
  },
  entry: ({ name, ip, aliases }) => ({ name, ip, aliases }),
  remove(owned, state) {
    const name = owned.name as string
    const ours = oursOf(owned)
    const found = linesFor(name, state)
    const theirs = commentedFor(name, state)
    // Of a former version, which wrote down one line and commented none out.
    const former = theirs.length === 0 ? ((owned.before?.line as string | undefined) ?? '') : ''
    if (!(ours && found.includes(ours)) && theirs.length === 0) return unchanged(`host ${name} is as before`)
    const back = [...theirs, ...(former ? [former] : [])].join(' and ')
    return change(
      `host ${name}: ${ours || 'none'} -> ${back || 'none'}`,
      `unset_host ${quote([name, ours, former])}`,
    )
  },
}

const lineOf = ({ ip, name, aliases }: Pick<Host, 'ip' | 'name' | 'aliases'>) =>
  [ip, name, ...aliases].join(' ')

/** The line that we wrote; none where it was there before. */
function oursOf(owned: Entry): string {
  const line = lineOf(owned as unknown as Host)
  const { lines = [], line: former } = (owned.before ?? {}) as { lines?: string[]; line?: string }
  return [...lines, former].includes(line) ? '' : line
}

const plain = (line: string) => (line.split('#')[0] ?? '').trim().replace(/\s+/g, ' ')

const linesFor = (name: string, { system }: State) =>
  system.hosts.map(plain).filter((line) => line.split(' ')[1] === name)

const commentedFor = (name: string, { system }: State) =>
  system.hosts
    .filter((line) => line.startsWith(`#devops:${name}# `))
    .map((line) => plain(line.slice(line.indexOf('# ') + 2)))
