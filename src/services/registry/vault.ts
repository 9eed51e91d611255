import type { Seal } from '#kit/seal.ts'
import type { Store } from '#store'
import type { Tables } from './tables.ts'

type Db = Store<Tables>['db']
export type SealedRow = Tables['registry_secrets']

/** `secret`: named by people, `secrets.NAME`. `password`: made by the platform, named by the address that it stands at. */
export type Kind = SealedRow['kind']
export type Key = Pick<SealedRow, 'repo' | 'kind' | 'name'>

/** So many former values stay sealed: a diff may still show what a node has, and must be able to hide it. */
const FORMER = 3

const contextOf = ({ kind, name, repo, version }: Key & Pick<SealedRow, 'version'>): string =>
  `${kind} ${name} of ${repo}, version ${version}`

export interface Opened {
  /** Kind -> name -> what it is now. */
  values: Record<Kind, Map<string, string>>
  /** All of them and their former values. */
  texts: string[]
}

/** Values that nobody may read again, sealed, version by version. */
export function createVault(seal: Seal) {
  const reveal = (row: SealedRow) => seal.open(row.sealed ?? '', contextOf(row)).reveal()

  return {
    async openAll(db: Db, repo: string): Promise<Opened> {
      const opened: Opened = { values: { secret: new Map(), password: new Map() }, texts: [] }
      for (const row of await findRows(db, repo)) {
        // In order of versions: a later one, or its removal, takes the place of the former.
        opened.values[row.kind].delete(row.name)
        if (row.sealed === null) continue
        const text = reveal(row)
        opened.texts.push(text)
        opened.values[row.kind].set(row.name, text)
      }
      return opened
    },

    open: (row: SealedRow): string => reveal(row),

    /** The next version of a value; null: it is gone. */
    async put(
      db: Db,
      key: Key,
      value: string | null,
      what: Pick<SealedRow, 'action' | 'set_at' | 'set_by'>,
    ): Promise<SealedRow> {
      const version = ((await findLatest(db, key))?.version ?? 0) + 1
      const { action, set_at, set_by } = what
      const sealed = value === null ? null : seal.seal(value, contextOf({ ...key, version }))
      const row = { repo: key.repo, kind: key.kind, name: key.name, version, action, sealed, set_at, set_by }
      await db.insertInto('registry_secrets').values(row).execute()
      await dropFormer(db, key, version - FORMER)
      return row
    },

    /** Brings every value under the newest master key. Returns how many were not there yet. */
    async renew(db: Db): Promise<number> {
      const rows = await db
        .selectFrom('registry_secrets')
        .selectAll()
        .where('sealed', 'is not', null)
        .execute()
      let count = 0
      for (const row of rows) {
        const sealed = seal.renew(row.sealed ?? '', contextOf(row))
        if (sealed === undefined) continue
        await at(db, row, row.version).set({ sealed }).execute()
        count++
      }
      return count
    },
  }
}

export type Vault = ReturnType<typeof createVault>

const findRows = (db: Db, repo: string): Promise<SealedRow[]> =>
  db.selectFrom('registry_secrets').selectAll().where('repo', '=', repo).orderBy('version').execute()

/** The latest version of each name of a kind, without those that are gone. */
export async function findCurrent(db: Db, repo: string, kind: Kind): Promise<SealedRow[]> {
  const rows = await findRows(db, repo)
  const latest = new Map(rows.filter((row) => row.kind === kind).map((row) => [row.name, row]))
  return [...latest.values()]
    .filter(({ sealed }) => sealed !== null)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** All versions, the newest first. */
export const findVersions = (db: Db, { repo, kind, name }: Key): Promise<SealedRow[]> =>
  db
    .selectFrom('registry_secrets')
    .selectAll()
    .where('repo', '=', repo)
    .where('kind', '=', kind)
    .where('name', '=', name)
    .orderBy('version', 'desc')
    .execute()

export async function findLatest(db: Db, key: Key): Promise<SealedRow | undefined> {
  const [latest] = await findVersions(db, key)
  return latest
}

const at = (db: Db, { repo, kind, name }: Key, version: number) =>
  db
    .updateTable('registry_secrets')
    .where('repo', '=', repo)
    .where('kind', '=', kind)
    .where('name', '=', name)
    .where('version', '=', version)

/** Who and when is kept for ever, a value is not. */
async function dropFormer(db: Db, { repo, kind, name }: Key, upTo: number): Promise<void> {
  await db
    .updateTable('registry_secrets')
    .set({ sealed: null })
    .where('repo', '=', repo)
    .where('kind', '=', kind)
    .where('name', '=', name)
    .where('version', '<=', upTo)
    .execute()
}
