import type { Service } from '#contracts/descriptors.ts'
import { Problem } from '#kit/problem.ts'
import { nearest, renderTree } from '#language'
import { renderShell } from '#language/shell.ts'
import { broken } from './expand.ts'
import type { Handler } from './graph.ts'
import type { Resource } from './resources/kind.ts'

type Tree = Record<string, unknown>

/** Those that a service describes. */
export function handlersOf(service: Service, scope: Tree): Handler[] {
  return Object.entries(service.handlers).map(([name, written]) => {
    const handler: Handler = { id: `${service.id}/${name}` }
    if (written.unit !== undefined)
      handler.unit = String((renderTree({ unit: written.unit }, scope) as Tree).unit)
    if (written.do === 'reload' || written.do === 'restart') handler.do = written.do
    if (written.run !== undefined) handler.run = renderShell(String(written.run), scope)
    if (written.check !== undefined) handler.check = renderShell(String(written.check), scope)
    if (!handler.run && !(handler.unit && handler.do))
      throw broken(service, `handlers.${name}`, 'needs a unit and do: reload or restart, or run')
    return handler
  })
}

/** `notify: restart:UNIT` or `reload:UNIT` needs no handler of that name. Of each unit, for what leaves may notify it too. */
export function unitHandlers(resources: readonly Resource[]): Handler[] {
  const units = resources.filter(({ kind }) => kind === 'unit').map(({ id }) => id.slice('unit:'.length))
  const own = units.flatMap((unit) => [`restart:${unit}`, `reload:${unit}`])
  const ids = new Set([...own, ...resources.flatMap(({ notify }) => notify)])
  return [...ids].toSorted().flatMap((id): Handler[] => {
    const [, act, unit] = /^(restart|reload):([A-Za-z0-9][A-Za-z0-9:_.@\\-]*)$/.exec(id) ?? []
    return act && unit ? [{ id, unit, do: act as 'restart' | 'reload' }] : []
  })
}

export function checkNotified(resources: readonly Resource[], handlers: readonly Handler[]): void {
  const ids = handlers.map(({ id }) => id)
  for (const { id, notify } of resources) {
    const unknown = notify.find((name) => !ids.includes(name))
    if (!unknown) continue
    const near = nearest(unknown, ids)
    throw new Problem('invalid', {
      reason: `${id} notifies ${unknown}, which is no handler${near ? `, did you mean ${near}?` : ''}`,
    })
  }
}

/** Those that an entry of the manifest keeps. A text that holds a secret is not kept: the manifest has none. */
export const keptHandlers = (
  notify: readonly string[],
  handlers: readonly Handler[],
  hide: (text: string) => string,
): Handler[] =>
  handlers.filter(
    (handler) => notify.includes(handler.id) && hide(JSON.stringify(handler)) === JSON.stringify(handler),
  )
