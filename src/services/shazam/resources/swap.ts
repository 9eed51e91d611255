import Type from 'typebox'
import type { State } from '../facts/state.ts'
import { quote } from '../quote.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'

export interface Swap extends Resource {
  path: string
  /** MB of 1024 KiB. */
  size: number
}

const FSTAB = '/etc/fstab'
const MB = 1024 * 1024

export const swapKind: Kind<Swap> = {
  name: 'swap',
  schema: Type.Object({
    swap: Type.String({ pattern: '^/[A-Za-z0-9._/-]+$', description: 'absolute path of a swap file' }),
    size: Type.Integer({ minimum: 1, description: 'MB' }),
  }),
  wish: (path, { size }) => ({ id: `swap:${path}`, path, size: size as number }),
  ask(wish, questions) {
    questions.paths.add(wish.path as string)
    questions.texts.add(FSTAB)
  },
  plan(wish, state) {
    const found = state.files.get(wish.path)
    const right = found?.size === wish.size * MB
    if (right && state.system.swaps.includes(wish.path))
      return unchanged(`swap file ${wish.path} of ${wish.size} MB is in use`)
    const how = found
      ? `make swap file ${wish.path} again, ${wish.size} MB`
      : `make swap file ${wish.path}, ${wish.size} MB`
    return change(how, `make_swap ${quote([wish.path, String(wish.size)])}`, { creates: !found })
  },
  before({ path }, state) {
    const found = state.files.get(path)
    return found && { size: found.size, in_fstab: inFstab(path, state) }
  },
  entry: ({ path, size }) => ({ path, size }),
  remove(owned, state) {
    const path = owned.path as string
    if (owned.present_before) return giveBack(path, owned.before, state)
    if (!state.files.has(path) && !state.system.swaps.includes(path))
      return unchanged(`swap file ${path} is gone`)
    return change(`remove swap file ${path}`, `remove_swap ${quote(path)}`)
  },
}

const inFstab = (path: string, state: State) =>
  state.texts.get(FSTAB)?.some((line) => line.trim().split(/\s+/)[0] === path) ?? false

function giveBack(path: string, before: Record<string, unknown> | undefined, state: State) {
  const size = before?.size as number | undefined
  const other = size !== undefined && size >= MB && state.files.get(path)?.size !== size
  const line = before?.in_fstab === false && inFstab(path, state)
  const lines = [
    ...(other ? [`make_swap ${quote([path, String(Math.round(size / MB))])}`] : []),
    ...(line ? [`fstab_line 1 ${quote(path)}`] : []),
  ]
  if (lines.length === 0)
    return { verdict: 'skipped' as const, summary: `swap file ${path} was there before us, and stays` }
  return change(`swap file ${path} as it was before us`, lines.join('\n'))
}
