import { isDeepStrictEqual } from 'node:util'
import type { Bus } from '#bus'
import type { Input } from '#contracts'
import type { Source, Variable, VariableVersion } from '#contracts/registry.ts'
import { hider } from '#kit/mask/index.ts'
import { Problem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import { hideable, nearest } from '#language'
import type { Store, Tx } from '#store'
import type { Tables } from './tables.ts'
import { findDependents, findUsers } from './uses.ts'
import type { Vault } from './vault.ts'

type Db = Store<Tables>['db']
type Row = Tables['registry_variables']
type History = Tables['registry_variable_history']
export type Key = Input<'registry.variable_history'>

/** Names that mean something else where templates are resolved. */
const reserved = new Set(['vars', 'secrets', 'passwords', 'payload', 'event', 'run', 'steps'])
const LONGEST = 65_536

const toVariable = (row: Row): Variable => ({
  ...row,
  value: JSON.parse(row.value) as unknown,
  source: toSource(row.source),
})

const toSource = (text: string | null): Source | null => (text === null ? null : (JSON.parse(text) as Source))

export async function findVariables(db: Db, repo: string): Promise<Variable[]> {
  const rows = await db
    .selectFrom('registry_variables')
    .selectAll()
    .where('repo', '=', repo)
    .orderBy('scope')
    .orderBy('name')
    .execute()
  return rows.map(toVariable)
}

type Change = Pick<History, 'value' | 'set_at' | 'set_by' | 'source' | 'written'>

/** The next version in the history of a variable. */
export async function remember(db: Db, { repo, scope, name }: Key, change: Change): Promise<void> {
  const last = await db
    .selectFrom('registry_variable_history')
    .select('version')
    .where('repo', '=', repo)
    .where('scope', '=', scope)
    .where('name', '=', name)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst()
  const { value, set_at, set_by, source, written } = change
  await db
    .insertInto('registry_variable_history')
    .values({ repo, scope, name, version: (last?.version ?? 0) + 1, value, set_at, set_by, source, written })
    .execute()
}

export async function findHistory(db: Db, { repo, scope, name }: Key): Promise<VariableVersion[]> {
  const rows = await db
    .selectFrom('registry_variable_history')
    .selectAll()
    .where('repo', '=', repo)
    .where('scope', '=', scope)
    .where('name', '=', name)
    .orderBy('version', 'desc')
    .execute()
  return rows.map(({ value, set_at, set_by, source, written }) => ({
    value: value === null ? null : (JSON.parse(value) as unknown),
    unset: value === null,
    written: written === 1,
    set_at,
    set_by,
    source: toSource(source),
  }))
}

/** A variable can be used by its full address, or as `NAME` and `vars.NAME`: by all nodes, or by the one it belongs to. */
async function findAffected(db: Db, { repo, scope, name }: Key): Promise<string[]> {
  const [kind, id] = scope.split(':')
  const bare = [name, `vars.${name}`]
  if (kind === 'task') return []
  if (id === undefined) return findDependents(db, repo, bare)
  const own = (await findUsers(db, repo, bare)).includes(id)
  const others = await findDependents(db, repo, [
    `${id}.vars.${name}`,
    ...(own ? [`${id}.configuration`] : []),
  ])
  return [...new Set([...others, ...(own ? [id] : [])])].sort()
}

async function announce(
  bus: Bus,
  tx: Tx<Tables>,
  key: Key,
  { by, source = null }: { by: string; source?: Source | null },
): Promise<void> {
  const { repo, scope, name } = key
  const [, id] = scope.split(':')
  const address = id === undefined ? `vars.${name}` : `${id}.vars.${name}`
  const nodes = await findAffected(tx.db, key)
  const work = source?.kind === 'run' ? source.id : null
  await bus.publish('var.changed', { subject: repo, data: { repo, address, nodes, by, work } }, tx)
}

export function createVariables({ bus, clock, store: any }: Parts, vault: Vault) {
  const store = any.as<Tables>()

  const find = (db: Db, { repo, scope, name }: Key) =>
    db
      .selectFrom('registry_variables')
      .selectAll()
      .where('repo', '=', repo)
      .where('scope', '=', scope)
      .where('name', '=', name)
      .executeTakeFirst()

  return {
    async set({ repo, scope, name, value, by, source }: Input<'registry.set_variable'>): Promise<Variable> {
      if (reserved.has(name))
        throw new Problem('invalid', {
          reason: `${name} has a meaning of its own in templates; choose another name`,
        })
      const text = JSON.stringify(value)
      if (text === undefined) throw new Problem('invalid', { reason: 'a variable needs a value' })
      if (text.length > LONGEST)
        throw new Problem('invalid', { reason: `the value of ${name} is longer than ${LONGEST} characters` })
      const { texts } = await vault.openAll(store.db, repo)
      if (hider(hideable(texts))(text) !== text)
        throw new Problem('invalid', {
          reason: `the value of ${name} holds a secret, and variables are shown: write {{ secrets.… }} where it is needed`,
        })
      const change = { set_at: clock.now(), set_by: by, source: source ? JSON.stringify(source) : null }
      const row = { repo, scope, name, value: text, ...change }
      return store.transaction(async (tx) => {
        const before = await find(tx.db, row)
        if (before && isDeepStrictEqual(JSON.parse(before.value), value)) return toVariable(before)
        await tx.db
          .insertInto('registry_variables')
          .values(row)
          .onConflict((conflict) =>
            conflict.columns(['repo', 'scope', 'name']).doUpdateSet({ value: text, ...change }),
          )
          .execute()
        await remember(tx.db, row, { value: text, ...change, written: 0 })
        await announce(bus, tx, row, { by, source })
        return toVariable(row)
      })
    },

    async unset({ by, ...key }: Input<'registry.unset_variable'>): Promise<Record<string, never>> {
      await store.transaction(async (tx) => {
        if (!(await find(tx.db, key))) throw await missing(tx.db, key)
        await tx.db
          .deleteFrom('registry_variables')
          .where('repo', '=', key.repo)
          .where('scope', '=', key.scope)
          .where('name', '=', key.name)
          .execute()
        const change = { set_at: clock.now(), set_by: by, source: null, written: 0 }
        await remember(tx.db, key, { value: null, ...change })
        await announce(bus, tx, key, { by })
      })
      return {}
    },

    list: ({ repo }: Input<'registry.list_variables'>): Promise<Variable[]> => findVariables(store.db, repo),

    history: (key: Key): Promise<VariableVersion[]> => findHistory(store.db, key),
  }
}

async function missing(db: Db, { repo, scope, name }: Key): Promise<Problem> {
  const names = (await findVariables(db, repo))
    .filter((each) => each.scope === scope)
    .map((each) => each.name)
  const near = nearest(name, names)
  const hint = near === undefined ? '' : `, did you mean ${near}?`
  return new Problem('not_found', { what: `variable ${name} in ${scope === 'repo' ? repo : scope}${hint}` })
}
