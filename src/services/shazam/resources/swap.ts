import Type from 'typebox'
import { quote } from '../quote.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'

export interface Swap extends Resource {
  path: string
  /** MB of 1024 KiB. */
  size: number
}

export const swapKind: Kind<Swap> = {
  name: 'swap',
  schema: Type.Object({
    swap: Type.String({ pattern: '^/[A-Za-z0-9._/-]+$', description: 'absolute path of a swap file' }),
    size: Type.Integer({ minimum: 1, description: 'MB' }),
  }),
  wish: (path, { size }) => ({ id: `swap:${path}`, path, size: size as number }),
  ask: (wish, questions) => void questions.paths.add(wish.path as string),
  plan(wish, state) {
    const found = state.files.get(wish.path)
    const right = found?.size === wish.size * 1024 * 1024
    if (right && state.system.swaps.includes(wish.path))
      return unchanged(`swap file ${wish.path} of ${wish.size} MB is in use`)
    const how = found
      ? `make swap file ${wish.path} anew, ${wish.size} MB`
      : `make swap file ${wish.path}, ${wish.size} MB`
    return change(how, `make_swap ${quote([wish.path, String(wish.size)])}`, { creates: !found })
  },
  entry: ({ path, size }) => ({ path, size }),
  keepsBefore: true,
  remove(owned, state) {
    const path = owned.path as string
    if (!state.files.has(path) && !state.system.swaps.includes(path))
      return unchanged(`swap file ${path} is gone`)
    return change(`remove swap file ${path}`, `remove_swap ${quote(path)}`)
  },
}
