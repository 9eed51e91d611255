import Type from 'typebox'
import { change, type Kind, type Resource, unchanged } from './kind.ts'
import { Line } from './pattern.ts'

export interface Flush extends Resource {
  name: string
}

/** `flush: NAME`: handlers that were notified so far run here, and not only at the end. */
export const flushKind: Kind<Flush> = {
  name: 'flush',
  schema: Type.Object({ flush: Line }),
  wish: (name) => ({ id: `flush:${name}`, name }),
  ask: () => {},
  plan(wish, _, { notified }) {
    const handlers = [...new Set(notified)]
    if (handlers.length === 0) return unchanged(`${wish.name}: no handler waits`)
    return {
      ...change(`${wish.name}: run ${handlers.join(', ')} here`, 'flushed'),
      verdict: 'unknown until it runs',
    }
  },
  entry: () => ({}),
}
