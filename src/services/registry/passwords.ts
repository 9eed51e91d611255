import { randomInt } from 'node:crypto'
import type { Input, Output } from '#contracts'
import type { PasswordInfo } from '#contracts/registry.ts'
import { Problem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import { nearest } from '#language'
import { headOf } from './addresses.ts'
import { announceMoved } from './announce.ts'
import type { Tables } from './tables.ts'
import { findCurrent, findLatest, type SealedRow, type Vault } from './vault.ts'

/** Of letters and digits alone, so that no place needs to quote them: 190 bits. */
const LENGTH = 32
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

export const newPassword = (): string =>
  Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')

const toInfo = ({ name, version, set_at, set_by }: SealedRow): PasswordInfo => ({
  address: name,
  version,
  set_at,
  set_by,
})

/** Passwords that the platform makes, once for an address, and keeps; nobody is shown one. */
export function createPasswords({ bus, clock, store: any }: Parts, vault: Vault) {
  const store = any.as<Tables>()
  const keyOf = (repo: string, name: string) => ({ repo, kind: 'password' as const, name })

  return {
    /** Makes those that are not there yet. Of two who make one at once, the first wins. */
    async make(repo: string, addresses: readonly string[]): Promise<void> {
      await store.transaction(async (tx) => {
        for (const address of addresses) {
          if (await findLatest(tx.db, keyOf(repo, address))) continue
          const what = { action: 'made', set_at: clock.now(), set_by: 'devo.ps' } as const
          await vault.put(tx.db, keyOf(repo, address), newPassword(), what)
        }
      })
    },

    list: async ({ repo }: Input<'registry.list_passwords'>): Promise<PasswordInfo[]> =>
      (await findCurrent(store.db, repo, 'password')).map(toInfo),

    async rotate(input: Input<'registry.rotate_password'>): Promise<Output<'registry.rotate_password'>> {
      const { repo, address, by } = input
      if (!(await findLatest(store.db, keyOf(repo, address)))) throw await missing(repo, address)
      return store.transaction(async (tx) => {
        const what = { action: 'rotated', set_at: clock.now(), set_by: by } as const
        const row = await vault.put(tx.db, keyOf(repo, address), newPassword(), what)
        const owner = address.startsWith('passwords.') ? undefined : headOf(address)
        return { ...toInfo(row), used_by: await announceMoved(bus, tx, repo, [address], { by, owner }) }
      })
    },
  }

  async function missing(repo: string, address: string): Promise<Problem> {
    const known = (await findCurrent(store.db, repo, 'password')).map((row) => row.name)
    const near = nearest(address, known)
    return new Problem('not_found', {
      what: `password made for ${address} in ${repo}${near === undefined ? '' : `, did you mean ${near}?`}`,
    })
  }
}

export type Passwords = ReturnType<typeof createPasswords>
