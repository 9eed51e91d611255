import Type from 'typebox'
import type { State } from '../facts/state.ts'
import { quote } from '../quote.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'

export interface KernelValue extends Resource {
  key: string
  value: string
}

/** A running value of sysctl; `sysctl:` keeps it over a boot as well. What this kernel does not know is passed over. */
export const kernelValueKind: Kind<KernelValue> = {
  name: 'kernel_value',
  schema: Type.Object({
    kernel_value: Type.String({
      pattern: '^[a-z0-9_]+([./][A-Za-z0-9_*-]+)+$',
      description: 'key of sysctl',
    }),
    value: Type.String({ pattern: '^[^\\x00-\\x08\\x0a-\\x1f]*$' }),
  }),
  wish: (key, { value }) => ({ id: `kernel_value:${key}`, key, value: spaced(value as string) }),
  ask: (wish, questions) => void questions.texts.add(pathOf(wish.key as string)),
  plan(wish, state) {
    const found = running(wish.key, state)
    if (found === undefined)
      return { verdict: 'skipped', summary: `${wish.key}: this kernel does not have it` }
    if (found === wish.value) return unchanged(`${wish.key} is ${found}`)
    return change(`${wish.key}: ${found} -> ${wish.value}`, set(wish.key, wish.value))
  },
  before({ key }, state) {
    const value = running(key, state)
    return value === undefined ? undefined : { value }
  },
  entry: ({ key, value }) => ({ key, value }),
  remove(owned, state) {
    const key = owned.key as string
    const before = owned.before?.value as string | undefined
    const found = running(key, state)
    if (before === undefined || found === undefined || found === before)
      return unchanged(`${key} is as before`)
    return change(`${key}: ${found} -> ${before}`, set(key, before))
  },
}

const spaced = (value: string) => value.trim().replace(/\s+/g, ' ')

/** As sysctl(8) reads it: the first of the two signs is the separator, the other one is turned into it. */
function pathOf(key: string): string {
  const slashes = key.search(/[./]/) >= 0 && key[key.search(/[./]/)] === '/'
  const path = slashes ? key : key.replace(/[./]/g, (sign) => (sign === '.' ? '/' : '.'))
  return `/proc/sys/${path}`
}

const running = (key: string, state: State) => {
  const lines = state.texts.get(pathOf(key))
  return lines && spaced(lines.join(' '))
}

const set = (key: string, value: string) => `printf '%s\\n' ${quote(value)} >${quote(pathOf(key))}`
