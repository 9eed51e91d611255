import Type from 'typebox'
import { quote } from '../quote.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'

export interface Hostname extends Resource {
  name: string
}

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
  entry: ({ name }) => ({ name }),
}
