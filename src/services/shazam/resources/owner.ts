import type { FileFact } from '../facts/state.ts'
import { quote } from '../quote.ts'

export interface Owned {
  owner: string
  group: string
  /** Octal without leading zeros, as `find` prints it. */
  mode: string
}

export const plainMode = (mode: string) => mode.replace(/^0+(?=.)/, '')

/** What differs in owner, group and mode: `mode 600 -> 644`. */
export function differences(wish: Owned, fact: FileFact): string[] {
  const keys = ['owner', 'group', 'mode'] as const
  return keys.filter((key) => wish[key] !== fact[key]).map((key) => `${key} ${fact[key]} -> ${wish[key]}`)
}

/** Never through a link: `-h` for the owner; the mode of a link cannot be wished. */
export const own = (wish: Owned, path: string) =>
  `chown -h -- ${quote(`${wish.owner}:${wish.group}`)} ${quote(path)}\nchmod -- ${quote(wish.mode)} ${quote(path)}`

/** Of what was there before us, as it was then. */
export function pastOf(
  fact: FileFact | undefined,
  type: FileFact['type'],
): { owner: string; group: string; mode: string } | undefined {
  return fact?.type === type ? { owner: fact.owner, group: fact.group, mode: fact.mode } : undefined
}

export const ownerIds = (wish: Owned) => [`user:${wish.owner}`, `group:${wish.group}`]

/** The folders above a path, nearest last: what can be wished as well must come first. */
export function above(path: string): string[] {
  const parts = path.split('/').slice(1, -1)
  return parts.flatMap((_, at) => {
    const folder = `/${parts.slice(0, at + 1).join('/')}`
    return [`directory:${folder}`, `link:${folder}`]
  })
}
