import type { Input, Output } from '#contracts'
import type { Seal } from '#kit/seal.ts'
import type { Parts } from '#kit/service.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import type { Store } from '#store'
import type { Tables } from './tables.ts'

/** One ed25519 key pair a repository, by which the platform enters its nodes. */
export function createPlatformKeys({ clock, store: any }: Parts, seal: Seal) {
  const store = any.as<Tables>()

  const find = (repo: string) =>
    store.db.selectFrom('registry_platform_keys').selectAll().where('repo', '=', repo).executeTakeFirst()

  async function make(repo: string): Promise<void> {
    const pair = newKeyPair(`devo.ps ${repo}`)
    const row = {
      repo,
      public_key: pair.public.trim(),
      private_key: seal.seal(pair.private, contextOf(repo)),
      created_at: clock.now(),
    }
    // Of two who make one at once, the first wins and both read it.
    await store.transaction(async (tx) => {
      await tx.db
        .insertInto('registry_platform_keys')
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    })
  }

  return async ({ repo }: Input<'registry.platform_key'>): Promise<Output<'registry.platform_key'>> => {
    if (!(await find(repo))) await make(repo)
    const row = await find(repo)
    if (!row) throw new Error(`the platform key of ${repo} was deleted while it was made`)
    return { public_key: row.public_key, private_key: seal.open(row.private_key, contextOf(repo)).reveal() }
  }
}

/** Brings all under the newest master key. Returns how many were not there yet. */
export async function renewPlatformKeys(db: Store<Tables>['db'], seal: Seal): Promise<number> {
  let count = 0
  for (const { repo, private_key } of await db.selectFrom('registry_platform_keys').selectAll().execute()) {
    const sealed = seal.renew(private_key, contextOf(repo))
    if (sealed === undefined) continue
    await db
      .updateTable('registry_platform_keys')
      .set({ private_key: sealed })
      .where('repo', '=', repo)
      .execute()
    count++
  }
  return count
}

const contextOf = (repo: string): string => `platform key of ${repo}`
