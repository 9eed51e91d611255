import { isDeepStrictEqual } from 'node:util'
import type { Infrastructure } from '#contracts/descriptors.ts'
import type { Source } from '#contracts/registry.ts'
import type { Store } from '#store'
import type { Tables } from './tables.ts'
import { remember } from './variables.ts'

/** A variable as a descriptor writes it. */
export interface Written {
  scope: string
  name: string
  value: unknown
}

export const writtenIn = ({ nodes, tasks }: Infrastructure): Written[] =>
  [
    ...nodes.map(({ id, vars }) => ({ scope: `node:${id}`, vars })),
    ...tasks.map(({ id, vars }) => ({ scope: `task:${id}`, vars })),
  ].flatMap(({ scope, vars }) => Object.entries(vars).map(([name, value]) => ({ scope, name, value })))

/** What a push wrote, rewrote and took away stands in the history beside what was set. */
export async function rememberWritten(
  db: Store<Tables>['db'],
  repo: string,
  was: readonly Written[],
  is: readonly Written[],
  { source, ...when }: { set_at: number; set_by: string; source: Source },
): Promise<void> {
  const keyOf = ({ scope, name }: Written) => `${scope}.${name}`
  const former = new Map(was.map((each) => [keyOf(each), each]))
  const present = new Set(is.map(keyOf))
  const change = { ...when, source: JSON.stringify(source), written: 1 }
  for (const each of is) {
    const before = former.get(keyOf(each))
    if (before && isDeepStrictEqual(before.value, each.value)) continue
    await remember(db, { repo, ...each }, { ...change, value: JSON.stringify(each.value) })
  }
  for (const each of was)
    if (!present.has(keyOf(each))) await remember(db, { repo, ...each }, { ...change, value: null })
}
