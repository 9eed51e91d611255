import { isDeepStrictEqual } from 'node:util'
import type { Input, Output } from '#contracts'
import type { Applied, NodeRecord, Server } from '#contracts/registry.ts'
import { wasMadeBy } from '#kit/ids.ts'
import { Problem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import type { Store } from '#store'
import { movedBetween } from './addresses.ts'
import { announceMoved } from './announce.ts'
import { refuseForgotten } from './repositories.ts'
import type { Tables } from './tables.ts'
import { addUses, replaceUses, unknownUses } from './uses.ts'

type Db = Store<Tables>['db']
type Row = Tables['registry_nodes']
type Asked = Input<'registry.record_node'>
type Fence = NonNullable<Input<'registry.record_node'>['fence']>

const emptyRecord = (repo: string, node: string): NodeRecord => ({
  repo,
  node,
  server: null,
  facts: {},
  applied: null,
  created_at: null,
})

function toRecord(row: Row): NodeRecord {
  if (row.forgotten === 1) return emptyRecord(row.repo, row.node)
  return {
    repo: row.repo,
    node: row.node,
    server: row.server === null ? null : (JSON.parse(row.server) as Server),
    facts: JSON.parse(row.facts) as Record<string, unknown>,
    applied: row.applied === null ? null : (JSON.parse(row.applied) as Applied),
    created_at: row.created_at,
  }
}

const findRow = (db: Db, repo: string, node: string): Promise<Row | undefined> =>
  db
    .selectFrom('registry_nodes')
    .selectAll()
    .where('repo', '=', repo)
    .where('node', '=', node)
    .executeTakeFirst()

export async function findNodes(db: Db, repo?: string): Promise<NodeRecord[]> {
  const rows = await db
    .selectFrom('registry_nodes')
    .selectAll()
    .where('forgotten', '=', 0)
    .$if(repo !== undefined, (query) => query.where('repo', '=', repo ?? ''))
    .orderBy('repo')
    .orderBy('node')
    .execute()
  return rows.map(toRecord)
}

/** The fence to keep. Throws `fenced` for an older work, or an older attempt of the same work. */
function passFence(
  row: Row | undefined,
  fence: Fence | undefined,
): Pick<Row, 'fence_work' | 'fence_attempt'> {
  const last = { fence_work: row?.fence_work ?? null, fence_attempt: row?.fence_attempt ?? null }
  if (!fence) return last
  const { fence_work: work, fence_attempt: attempt } = last
  const older =
    work !== null && (fence.work < work || (fence.work === work && fence.attempt < (attempt ?? 0)))
  if (older) throw new Problem('fenced', { current: `${attempt} of work ${work}` })
  return { fence_work: fence.work, fence_attempt: fence.attempt }
}

/** A node that was destroyed while somebody was about to record it stays gone. */
function refuseGone(row: Row | undefined, begun: number | undefined): void {
  if (begun === undefined || row?.forgotten !== 1 || row.fence_work === null) return
  if (!wasMadeBy(row.fence_work, begun))
    throw new Problem('conflict', { reason: `Node ${row.node} was destroyed meanwhile` })
}

const anotherServer = (node: string) =>
  new Problem('conflict', { reason: `Node ${node} has another server now, or none` })

/** What of a record has an address. */
const addressable = ({ server, facts }: NodeRecord): Record<string, unknown> => ({
  ...(server && { ip: server.host }),
  ...(facts.pub_key !== undefined && { pub_key: facts.pub_key }),
  facts,
})

async function saveRow(
  db: Db,
  record: NodeRecord,
  rest: Pick<Row, 'fence_work' | 'fence_attempt' | 'forgotten'>,
) {
  const { repo, node, server, facts, applied, created_at } = record
  const values = {
    server: server && JSON.stringify(server),
    facts: JSON.stringify(facts),
    applied: applied && JSON.stringify(applied),
    created_at,
    ...rest,
  }
  await db
    .insertInto('registry_nodes')
    .values({ repo, node, ...values })
    .onConflict((conflict) => conflict.columns(['repo', 'node']).doUpdateSet(values))
    .execute()
}

export function createNodes({ bus, store: any }: Parts) {
  const store = any.as<Tables>()

  return {
    async get({ repo, node }: Input<'registry.get_node'>): Promise<NodeRecord> {
      const row = await findRow(store.db, repo, node)
      return row ? toRecord(row) : emptyRecord(repo, node)
    },

    list: ({ repo }: Input<'registry.list_nodes'>): Promise<NodeRecord[]> => findNodes(store.db, repo),

    record: ({ repo, node, fence, uses, only_if, begun, ...written }: Asked): Promise<NodeRecord> =>
      store.transaction(async (tx) => {
        await refuseForgotten(tx.db, repo, { work: fence?.work, begun })
        const row = await findRow(tx.db, repo, node)
        const kept = passFence(row, fence)
        refuseGone(row, begun)
        const before = row ? toRecord(row) : emptyRecord(repo, node)
        if (only_if !== undefined && before.server?.id !== only_if) throw anotherServer(node)
        const given = Object.entries(written).filter(([, value]) => value !== undefined)
        const after = { ...before, ...Object.fromEntries(given) } as NodeRecord
        await saveRow(tx.db, after, { ...kept, forgotten: 0 })
        if (uses) await replaceUses(tx.db, repo, node, uses)
        const [then, now] = [addressable(before), addressable(after)]
        if (!isDeepStrictEqual(then, now))
          await announceMoved(bus, tx, repo, movedBetween(then, now, node), {
            by: `node ${node}`,
            work: fence?.work ?? null,
          })
        return after
      }),

    /** Most syncs use what the one before used: that takes no transaction. */
    async noteUses({
      repo,
      node,
      uses,
      fence,
    }: Input<'registry.note_uses'>): Promise<Output<'registry.note_uses'>> {
      if ((await unknownUses(store.db, repo, node, uses)).length === 0) return { fresh: false }
      return store.transaction(async (tx) => {
        await refuseForgotten(tx.db, repo, { work: fence?.work })
        passFence(await findRow(tx.db, repo, node), fence)
        return { fresh: await addUses(tx.db, repo, node, uses) }
      })
    },

    /** The row stays for its fence: a worker that was overtaken must not bring the node back. */
    async forget({ repo, node, fence }: Input<'registry.forget_node'>): Promise<Record<string, never>> {
      await store.transaction(async (tx) => {
        await refuseForgotten(tx.db, repo, { work: fence?.work })
        const row = await findRow(tx.db, repo, node)
        const kept = passFence(row, fence)
        if (!row && !fence) return
        const before = row ? toRecord(row) : emptyRecord(repo, node)
        await saveRow(tx.db, emptyRecord(repo, node), { ...kept, forgotten: 1 })
        await replaceUses(tx.db, repo, node, [])
        const moved = movedBetween(addressable(before), { facts: {} }, node)
        await announceMoved(bus, tx, repo, moved, { by: `node ${node}`, work: fence?.work ?? null })
      })
      return {}
    },
  }
}
