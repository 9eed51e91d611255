import Type from 'typebox'
import type { UnitFact } from '../facts/state.ts'
import { quote } from '../quote.ts'
import { change, type Entry, type Kind, type Resource, type Step, unchanged } from './kind.ts'
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
    const { steps, said } = difference(wish, found)
    if (steps.length === 0) return unchanged(`unit ${wish.name} is as wished`)
    const reload =
      !found || found.needs_reload || found.load === 'not-found' ? ['systemctl daemon-reload'] : []
    const lines = steps.map((step) => doing(step, wish.name))
    return change(`unit ${wish.name}: ${said.join(', ')}`, [...reload, ...lines].join('\n'), {
      creates: (state.units.get(wish.name)?.load ?? 'not-found') === 'not-found',
      undo: steps
        .map((step) => `systemctl ${opposite[step]} -- ${quote(wish.name)}`)
        .reverse()
        .join('\n'),
    })
  },
  before({ id, name }, state) {
    const found = state.units.get(name)
    if (isGone(found) || state.made.has(id)) return { absent: true }
    return { enabled: on.has(found.enabled), running: runs(found) }
  },
  entry: ({ name, enabled, running }) => ({
    name,
    ...(enabled === undefined ? {} : { enabled }),
    ...(running === undefined ? {} : { running }),
  }),
  remove(owned, state) {
    const name = owned.name as string
    const found = state.units.get(name)
    if (isGone(found)) return unchanged(`unit ${name} is gone`)
    const before = owned.before ?? { absent: !owned.present_before }
    // What came with us runs for us, whoever started it; its files are about to leave.
    if (before.absent) return stopped(name, found)
    const { steps, said } = difference({ name, ...touched(owned, before) } as Unit, found)
    if (steps.length === 0) return unchanged(`unit ${name} is as it was before`)
    const lines = steps.map((step) => doing(step, name))
    return change(`unit ${name}: ${said.join(', ')}`, lines.join('\n'))
  },
}

/** A unit whose file was deleted under it is not found, and may run all the same. */
const isGone = (found: UnitFact | undefined): found is undefined =>
  !found || (found.load === 'not-found' && ['inactive', 'failed'].includes(found.active))

function stopped(name: string, found: UnitFact): Step {
  const { steps, said } = difference({ name, running: false } as Unit, found)
  // A static unit has nothing that could be taken back.
  if (['enabled', 'enabled-runtime', 'linked', 'linked-runtime'].includes(found.enabled)) {
    steps.unshift('disable')
    said.unshift('enabled true -> false')
  }
  if (found.sub === 'auto-restart') {
    steps.push('stop')
    said.push('running true -> false')
  }
  if (steps.length === 0) return unchanged(`unit ${name} does not run`)
  return change(`unit ${name}: ${said.join(', ')}`, steps.map((step) => doing(step, name)).join('\n'))
}

const doing = (step: string, name: string) =>
  step === 'start' ? `start_unit ${quote(name)}` : `systemctl --no-ask-password ${step} -- ${quote(name)}`

const opposite: Record<string, string> = {
  enable: 'disable',
  disable: 'enable',
  start: 'stop',
  stop: 'start',
  unmask: 'mask',
}

/** Only what was wished by us is given back. */
const touched = (owned: Entry, before: Record<string, unknown>) => ({
  ...(owned.enabled === undefined ? {} : { enabled: before.enabled }),
  ...(owned.running === undefined ? {} : { running: before.running }),
})

/** One that falls over again and again is `activating` most of the time, and does not run. */
const runs = ({ active, sub }: UnitFact) =>
  ['active', 'activating', 'reloading'].includes(active) && sub !== 'auto-restart'

function difference(wish: Unit, found: UnitFact | undefined): { steps: string[]; said: string[] } {
  const steps: string[] = []
  const said: string[] = []
  const step = (name: string, attribute: string, was: unknown, is: unknown) => {
    steps.push(name)
    said.push(`${attribute} ${was} -> ${is}`)
  }
  const enabled = found ? on.has(found.enabled) : '?'
  const running = found ? runs(found) : '?'
  if (wish.enabled === true && found?.enabled === 'masked') step('unmask', 'masked', true, false)
  if (wish.enabled !== undefined && wish.enabled !== enabled)
    step(wish.enabled ? 'enable' : 'disable', 'enabled', enabled, wish.enabled)
  if (wish.running !== undefined && wish.running !== running)
    step(wish.running ? 'start' : 'stop', 'running', running, wish.running)
  return { steps, said }
}
