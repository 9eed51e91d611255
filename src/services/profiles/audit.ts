import type { Input, Output } from '#contracts'
import type { AuditEntry, AuditRecord, AuditVerdict } from '#contracts/audit.ts'
import { Problem } from '#kit/problem.ts'
import type { Seal } from '#kit/seal.ts'
import type { Parts } from '#kit/service.ts'
import type { Store, Tx } from '#store'
import { createChainCheck, type Fault, hashOf, headOf, ROOT, toEntry } from './audit-chain.ts'
import { findForgotten } from './collaborators.ts'
import type { Tables } from './tables.ts'

type Db = Store<Tables>['db']

const PAGE = 1000
/** Entries that one statement looks at: others come in between, however few fit the filter. */
const STRETCH = 20_000
const FAULTS = 100
const HEAD = 'head of the audit'

export interface Audit {
  /** Throws `unaudited`. */
  record(record: AuditRecord): Promise<Output<'profiles.record_audit'>>
  list(filter: Input<'profiles.list_audit'>): Promise<Output<'profiles.list_audit'>>
  verify(input: Input<'profiles.verify_audit'>): Promise<AuditVerdict>
}

/**
 * Rows are only ever added. Each holds the hash of the one before it, and the newest hash is sealed with the master key:
 * who can write the database alone can neither change, remove nor reorder rows, nor cut off the end, unseen.
 */
export function createAudit({ clock, log, store: any }: Parts, seal: Seal): Audit {
  const store = any.as<Tables>()

  return {
    async record(record) {
      try {
        return await store.transaction(async (tx) => {
          const { seq, hash: prev } = await nextPlace(tx)
          const { details, ...rest } = record
          const row = { seq, at: clock.now(), ...rest, details: JSON.stringify(details) }
          const hash = hashOf(prev, row)
          await tx.db
            .insertInto('profiles_audit')
            .values({ ...row, hash })
            .execute()
          await saveHead(tx, seal.seal(headOf({ seq: row.seq, hash }), HEAD))
          return { seq: row.seq }
        })
      } catch (error) {
        log.error({ err: error, action: record.action }, 'the audit could not be written')
        throw new Problem('unaudited', { reason: Problem.of(error).message }, { cause: error })
      }
    },

    async list(filter) {
      const { since = 0, before = Infinity, limit } = filter
      const end = Math.min(before, ((await newest(store.db))?.seq ?? 0) + 1)
      // Nobody reads through a name what was done under it in another repository. The whole audit has it.
      const hidden = filter.repo === undefined ? 0 : await hiddenUntil(store.db, filter.repo)
      const found: AuditEntry[] = []
      for (let to = end; to > hidden + 1 && found.length < limit; to -= STRETCH) {
        const range = { from: Math.max(hidden + 1, to - STRETCH), to }
        const rows = await findEntries(store.db, { ...filter, limit: limit - found.length }, range, hidden)
        found.push(...rows.map(toEntry))
        // What is older is older than `since` too.
        if (since > 0 && ((await entryAt(store.db, range.from))?.at ?? since) < since) break
      }
      return found
    },

    async verify({ head }) {
      const chain = createChainCheck()
      const faults: Fault[] = []
      let entries = 0
      const [seqKept = 0, hashKept = ''] = head ? [Number(head.split(':')[0]), head.split(':')[1]] : []
      let met = head === undefined
      // What is added meanwhile is for the next time.
      const sealed = await findHead(store.db)
      const end = sealed === undefined ? 0 : Number(sealed.split(':')[0])
      for (let page = await readPage(0); page.length > 0; page = await readPage(chain.last.seq)) {
        for (const row of page) {
          faults.push(...chain.check(row))
          if (row.seq === seqKept && row.hash === hashKept) met = true
          entries++
          if (row.seq === end && headOf(row) !== sealed)
            faults.push({ seq: row.seq, reason: 'its hash is not the one that was sealed' })
        }
      }
      if (chain.last.seq < end)
        faults.push({ seq: end, reason: `the newest entries are missing: ${chain.last.seq + 1} to ${end}` })
      if (entries > 0 && sealed === undefined)
        faults.push({ seq: chain.last.seq, reason: 'the sealed head is missing or was changed' })
      if (!met) faults.push({ seq: seqKept, reason: 'the entry of the given head is missing or was changed' })
      return { entries, head: entries > 0 ? headOf(chain.last) : null, faults: faults.slice(0, FAULTS) }
    },
  }

  /**
   * After the sealed head and not after the newest row: where rows were cut off, the gap stays. Where the seal itself was
   * removed or forged, a number is left out, so that it is seen for ever.
   */
  async function nextPlace({ db }: Tx<Tables>): Promise<{ seq: number; hash: string }> {
    const head = await findHead(db)
    if (head !== undefined) return { seq: Number(head.split(':')[0]) + 1, hash: head.split(':')[1] ?? '' }
    const last = await newest(db)
    return last ? { seq: last.seq + 2, hash: last.hash } : { seq: 1, hash: ROOT }
  }

  async function findHead(db: Db): Promise<string | undefined> {
    const row = await db.selectFrom('profiles_audit_head').select('sealed').executeTakeFirst()
    try {
      return row && seal.open(row.sealed, HEAD).reveal()
    } catch {
      // Reported as a fault: it was tampered with.
      return undefined
    }
  }

  function readPage(after: number) {
    return store.db
      .selectFrom('profiles_audit')
      .selectAll()
      .where('seq', '>', after)
      .orderBy('seq')
      .limit(PAGE)
      .execute()
  }
}

/** The newest entry about a former repository of this name; 0: there was none. */
const hiddenUntil = async (db: Db, repo: string): Promise<number> =>
  Number((await findForgotten(db, repo))?.audited ?? 0)

/** Newest first, of the entries from `from` to before `to`. */
function findEntries(
  db: Db,
  { repo, actor, action, since, limit }: Input<'profiles.list_audit'>,
  { from, to }: { from: number; to: number },
  hidden: number,
) {
  let query = db.selectFrom('profiles_audit').selectAll().where('seq', '>=', from).where('seq', '<', to)
  // The end of what is hidden is hidden too.
  if (hidden > 0) query = query.where((eb) => eb.or([eb('of', 'is', null), eb('of', '>', hidden)]))
  if (repo !== undefined) query = query.where('repo', '=', repo)
  if (actor !== undefined) query = query.where('actor', '=', actor)
  if (action !== undefined) query = query.where('action', '=', action)
  if (since !== undefined) query = query.where('at', '>=', since)
  return query.orderBy('seq', 'desc').limit(limit).execute()
}

/** The first entry from a number on: rows that were removed leave gaps. */
const entryAt = (db: Db, seq: number) =>
  db
    .selectFrom('profiles_audit')
    .select('at')
    .where('seq', '>=', seq)
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst()

const newest = (db: Db) =>
  db.selectFrom('profiles_audit').select(['seq', 'hash']).orderBy('seq', 'desc').limit(1).executeTakeFirst()

const saveHead = (tx: Tx<Tables>, sealed: string) =>
  tx.db
    .insertInto('profiles_audit_head')
    .values({ id: 1, sealed })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ sealed }))
    .execute()
