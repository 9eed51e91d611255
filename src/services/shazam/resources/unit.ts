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

/** Of these nothing is enabled or disabled: they have no section for it, or something else makes them at each boot. */
const fixed = new Set(['static', 'alias', 'indirect', 'generated', 'transient'])
const on = new Set([...fixed, 'enabled', 'linked'])

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
  plan(wish, state, { stale, owned }) {
    // A package may start and enable its unit, so with one on its way both are said outright.
    const found = stale ? undefined : state.units.get(wish.name)
    const { steps, said } = difference(wish, found, owned !== undefined && !owned.incomplete)
    if (steps.length === 0) return settled(wish, found)
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
    return {
      enabled: on.has(found.enabled),
      running: runs(found),
      ...(isMasked(found) ? { masked: true } : {}),
    }
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
    if (before.masked && !isMasked(found)) {
      steps.push('mask')
      said.push('masked false -> true')
    }
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
  mask: 'unmask',
}

/** Only what was wished by us is given back. */
const touched = (owned: Entry, before: Record<string, unknown>) => ({
  ...(owned.enabled === undefined ? {} : { enabled: before.enabled }),
  ...(owned.running === undefined ? {} : { running: before.running }),
})

/** One that falls over again and again is `activating` most of the time, and does not run. */
const runs = ({ active, sub }: UnitFact) =>
  ['active', 'activating', 'reloading'].includes(active) && sub !== 'auto-restart'

const isMasked = ({ enabled, load }: UnitFact) => load === 'masked' || enabled.startsWith('masked')

/** Nothing is to be done, or nothing can be. */
function settled(wish: Unit, found: UnitFact | undefined): Step {
  if (wish.running === true && found?.unmet && !runs(found))
    return {
      verdict: 'skipped',
      summary: `unit ${wish.name} is started, and a condition of its own says that it is not for this node`,
    }
  if (wish.enabled === false && found && fixed.has(found.enabled))
    return unchanged(`unit ${wish.name} is ${found.enabled}: there is nothing to disable`)
  return unchanged(`unit ${wish.name} is as wished`)
}

/** With `started`, a former apply has started it: one that ends by itself need not run any more. */
function difference(
  wish: Unit,
  found: UnitFact | undefined,
  started = false,
): { steps: string[]; said: string[] } {
  const steps: string[] = []
  const said: string[] = []
  const step = (name: string, attribute: string, was: unknown, is: unknown) => {
    steps.push(name)
    said.push(`${attribute} ${was} -> ${is}`)
  }
  const enabled = found ? on.has(found.enabled) : '?'
  const running = found ? runs(found) : '?'
  if ((wish.enabled === true || wish.running === true) && found && isMasked(found))
    step('unmask', 'masked', true, false)
  if (wish.enabled !== undefined && wish.enabled !== enabled && !(found && fixed.has(found.enabled)))
    step(wish.enabled ? 'enable' : 'disable', 'enabled', enabled, wish.enabled)
  const done = found && wish.running === true && ((found.ends && started) || found.unmet)
  const failed = found?.active === 'failed'
  if (wish.running !== undefined && wish.running !== running && (!done || failed))
    step(wish.running ? 'start' : 'stop', 'running', running, wish.running)
  return { steps, said }
}
