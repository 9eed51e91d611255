import type { Input, Output } from '#contracts'
import type { SecretInfo } from '#contracts/registry.ts'
import { Problem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import { nearest } from '#language'
import { announceMoved } from './announce.ts'
import type { Tables } from './tables.ts'
import { findCurrent, findLatest, findVersions, type SealedRow, type Vault } from './vault.ts'

/** Shorter ones could not be told from innocent text where they are hidden. */
const SHORTEST = 4
const LONGEST = 65_536

const toInfo = ({ name, version, set_at, set_by }: SealedRow): SecretInfo => ({
  name,
  version,
  set_at,
  set_by,
})

/** Values that people set and nobody reads again: templates use them as `secrets.NAME`. */
export function createSecrets({ bus, clock, store: any }: Parts, vault: Vault) {
  const store = any.as<Tables>()
  const keyOf = (repo: string, name: string) => ({ repo, kind: 'secret' as const, name })

  async function missing(repo: string, name: string): Promise<Problem> {
    const names = (await findCurrent(store.db, repo, 'secret')).map((row) => row.name)
    const near = nearest(name, names)
    return new Problem('not_found', {
      what: `secret ${name} in ${repo}${near === undefined ? '' : `, did you mean ${near}?`}`,
    })
  }

  async function change(
    repo: string,
    name: string,
    value: string | null,
    what: { by: string; action: SealedRow['action'] },
  ): Promise<{ row: SealedRow; used_by: string[] }> {
    return store.transaction(async (tx) => {
      const { by, action } = what
      const row = await vault.put(tx.db, keyOf(repo, name), value, {
        action,
        set_at: clock.now(),
        set_by: by,
      })
      const used_by = await announceMoved(bus, tx, repo, [`secrets.${name}`], { by })
      return { row, used_by }
    })
  }

  return {
    async set(input: Input<'registry.set_secret'>): Promise<Output<'registry.set_secret'>> {
      const { repo, name, value, rotate, by } = input
      refuseUnfit(name, value)
      const before = await findLatest(store.db, keyOf(repo, name))
      const known = before?.sealed !== null && before !== undefined
      if (rotate && !known) throw await missing(repo, name)
      if (known && vault.open(before) === value) {
        if (rotate) throw new Problem('conflict', { reason: `secret ${name} has this value already` })
        return { ...toInfo(before), used_by: [] }
      }
      const { row, used_by } = await change(repo, name, value, { by, action: known ? 'rotated' : 'set' })
      return { ...toInfo(row), used_by }
    },

    async unset({
      repo,
      name,
      by,
    }: Input<'registry.unset_secret'>): Promise<Output<'registry.unset_secret'>> {
      const before = await findLatest(store.db, keyOf(repo, name))
      if (!before || before.sealed === null) throw await missing(repo, name)
      const { used_by } = await change(repo, name, null, { by, action: 'unset' })
      return { used_by }
    },

    list: async ({ repo }: Input<'registry.list_secrets'>): Promise<SecretInfo[]> =>
      (await findCurrent(store.db, repo, 'secret')).map(toInfo),

    async reveal({ repo, name }: Input<'registry.reveal_secret'>): Promise<Output<'registry.reveal_secret'>> {
      const row = await findLatest(store.db, keyOf(repo, name))
      return { value: row && row.sealed !== null ? vault.open(row) : null }
    },

    async history({
      repo,
      name,
    }: Input<'registry.secret_history'>): Promise<Output<'registry.secret_history'>> {
      const rows = await findVersions(store.db, keyOf(repo, name))
      return rows.map(({ version, action, set_at, set_by }) => ({ version, action, set_at, set_by }))
    },
  }
}

/** Says what is wrong with a value, not what it is. */
function refuseUnfit(name: string, value: string): void {
  const wrong =
    value.length < SHORTEST
      ? `is shorter than ${SHORTEST} characters: it could not be hidden in logs and plans`
      : value.length > LONGEST
        ? `is longer than ${LONGEST} characters`
        : value.includes('\0')
          ? 'holds a NUL byte: encode it, in base64 for example'
          : undefined
  if (wrong !== undefined) throw new Problem('invalid', { reason: `the value of secret ${name} ${wrong}` })
}
