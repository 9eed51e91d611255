import Type from 'typebox'
import type { UnitFact } from '../facts/state.ts'
import { quote } from '../quote.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'
import { UnitName } from './pattern.ts'

export interface Unit extends Resource {
  name: string
  enabled?: boolean
  running?: boolean
}

const on = new Set(['enabled', 'enabled-runtime', 'static', 'alias', 'indirect', 'generated', 'linked'])

export const unitKind: Kind<Unit> = {
  name: 'unit',
  schema: Type.Object({
    unit: UnitName,
    enabled: Type.Optional(Type.Boolean()),
    running: Type.Optional(Type.Boolean()),
  }),
  wish: (name, { enabled, running }) => ({
    id: `unit:${name}`,
    name,
    ...(enabled === undefined ? {} : { enabled: enabled as boolean }),
    ...(running === undefined ? {} : { running: running as boolean }),
  }),
  ask: (wish, questions) => void questions.units.add(wish.name as string),
  plan(wish, state, { stale }) {
    // A package may start and enable its unit, so with one on its way both are said outright.
    const found = stale ? undefined : state.units.get(wish.name)
    const steps = difference(wish, found)
    if (steps.length === 0) return unchanged(`unit ${wish.name} is as wished`)
    const reload =
      !found || found.needs_reload || found.load === 'not-found' ? ['systemctl daemon-reload'] : []
    const lines = steps.map((step) => `systemctl --no-ask-password ${step} -- ${quote(wish.name)}`)
    return change(`${steps.join(' and ')} unit ${wish.name}`, [...reload, ...lines].join('\n'))
  },
  entry: ({ name, enabled, running }) => ({
    name,
    ...(enabled === undefined ? {} : { enabled }),
    ...(running === undefined ? {} : { running }),
  }),
  remove(owned, state) {
    const found = state.units.get(owned.name as string)
    const gone =
      !found || found.load === 'not-found' || (found.active === 'inactive' && !on.has(found.enabled))
    if (gone || owned.present_before) return unchanged(`unit ${owned.name} is left as it is`)
    return change(
      `stop and disable unit ${owned.name}`,
      `systemctl disable --now -- ${quote(owned.name as string)}`,
    )
  },
}

function difference(wish: Unit, found: UnitFact | undefined): string[] {
  const steps: string[] = []
  const enabled = on.has(found?.enabled ?? '')
  const running =
    found?.active === 'active' || found?.active === 'activating' || found?.active === 'reloading'
  if (wish.enabled === true && found?.enabled === 'masked') steps.push('unmask')
  if (wish.enabled !== undefined && (!found || wish.enabled !== enabled))
    steps.push(wish.enabled ? 'enable' : 'disable')
  if (wish.running !== undefined && (!found || wish.running !== running))
    steps.push(wish.running ? 'start' : 'stop')
  return steps
}
