import { isDeepStrictEqual } from 'node:util'
import type { Bus } from '#bus'
import type { Input, Output } from '#contracts'
import type { Variable } from '#contracts/registry.ts'
import { Problem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import type { Store, Tx } from '#store'
import type { Tables } from './tables.ts'
import { findDependents } from './uses.ts'

type Db = Store<Tables>['db']
type Row = Tables['registry_variables']
type Key = Input<'registry.variable_history'>

/** Names that mean something else where templates are resolved. */
const reserved = new Set(['vars', 'secrets', 'passwords', 'payload', 'event', 'run', 'steps'])
const LONGEST = 65_536

const toVariable = (row: Row): Variable => ({ ...row, value: JSON.parse(row.value) as unknown })

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

async function remember(
  db: Db,
  { repo, scope, name }: Key,
  what: Pick<Row, 'set_at' | 'set_by'> & { value: string | null },
) {
  const last = await db
    .selectFrom('registry_variable_history')
    .select('version')
    .where('repo', '=', repo)
    .where('scope', '=', scope)
    .where('name', '=', name)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst()
  await db
    .insertInto('registry_variable_history')
    .values({ repo, scope, name, version: (last?.version ?? 0) + 1, ...what })
    .execute()
}

/** A variable can be used by its full address, or bare: by all nodes, or by the node that it belongs to. */
async function announce(bus: Bus, tx: Tx<Tables>, { repo, scope, name }: Key, by: string): Promise<void> {
  const [kind, id] = scope.split(':')
  const address = id === undefined ? `vars.${name}` : `${id}.vars.${name}`
  const nodes = new Set(kind === 'task' ? [] : await findDependents(tx.db, repo, [address]))
  const bare = kind === 'task' ? [] : await findDependents(tx.db, repo, [name])
  if (kind === 'repo') for (const node of bare) nodes.add(node)
  if (id !== undefined && bare.includes(id))
    for (const node of [id, ...(await findDependents(tx.db, repo, [`${id}.configuration`]))]) nodes.add(node)
  await bus.publish(
    'var.changed',
    { subject: repo, data: { repo, address, nodes: [...nodes].sort(), by } },
    tx,
  )
}

export function createVariables({ bus, clock, store: any }: Parts) {
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
    async set({ repo, scope, name, value, by }: Input<'registry.set_variable'>): Promise<Variable> {
      if (reserved.has(name))
        throw new Problem('invalid', {
          reason: `${name} has a meaning of its own in templates; choose another name`,
        })
      const text = JSON.stringify(value)
      if (text === undefined) throw new Problem('invalid', { reason: 'a variable needs a value' })
      if (text.length > LONGEST)
        throw new Problem('invalid', { reason: `the value of ${name} is longer than ${LONGEST} characters` })
      const row = { repo, scope, name, value: text, set_at: clock.now(), set_by: by }
      return store.transaction(async (tx) => {
        const before = await find(tx.db, row)
        if (before && isDeepStrictEqual(JSON.parse(before.value), value)) return toVariable(before)
        await tx.db
          .insertInto('registry_variables')
          .values(row)
          .onConflict((conflict) =>
            conflict
              .columns(['repo', 'scope', 'name'])
              .doUpdateSet({ value: row.value, set_at: row.set_at, set_by: row.set_by }),
          )
          .execute()
        await remember(tx.db, row, { value: text, set_at: row.set_at, set_by: by })
        await announce(bus, tx, row, by)
        return toVariable(row)
      })
    },

    async unset({ by, ...key }: Input<'registry.unset_variable'>): Promise<Record<string, never>> {
      await store.transaction(async (tx) => {
        if (!(await find(tx.db, key)))
          throw new Problem('not_found', { what: `variable ${key.name} in ${key.scope}` })
        await tx.db
          .deleteFrom('registry_variables')
          .where('repo', '=', key.repo)
          .where('scope', '=', key.scope)
          .where('name', '=', key.name)
          .execute()
        await remember(tx.db, key, { value: null, set_at: clock.now(), set_by: by })
        await announce(bus, tx, key, by)
      })
      return {}
    },

    list: ({ repo }: Input<'registry.list_variables'>): Promise<Variable[]> => findVariables(store.db, repo),

    async history({ repo, scope, name }: Key): Promise<Output<'registry.variable_history'>> {
      const rows = await store.db
        .selectFrom('registry_variable_history')
        .select(['value', 'set_at', 'set_by'])
        .where('repo', '=', repo)
        .where('scope', '=', scope)
        .where('name', '=', name)
        .orderBy('version', 'desc')
        .execute()
      return rows.map(({ value, ...rest }) => ({
        value: value === null ? null : (JSON.parse(value) as unknown),
        unset: value === null,
        ...rest,
      }))
    },
  }
}
