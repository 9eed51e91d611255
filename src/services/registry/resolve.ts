import type { Input } from '#contracts'
import type { Infrastructure, Service } from '#contracts/descriptors.ts'
import type { Parts } from '#kit/service.ts'
import { generates, passwordNames } from '#language'
import { findNodes } from './nodes.ts'
import { newPassword, type Passwords } from './passwords.ts'
import { buildScope, vacantAddresses } from './scope-tree.ts'
import type { Tables } from './tables.ts'
import { findVariables } from './variables.ts'
import type { Opened, Vault } from './vault.ts'

export interface ResolveParts extends Pick<Parts, 'bus' | 'store'> {
  catalog: readonly Service[]
  vault: Vault
  passwords: Passwords
}

export function createResolve({ bus, store: any, catalog, vault, passwords }: ResolveParts) {
  const { db } = any.as<Tables>()

  return async ({ repo, commit, next, node, task }: Input<'registry.resolve'>) => {
    const infrastructure =
      next ?? (await bus.ask('git.infrastructure', { repo, ...(commit !== undefined && { commit }) }))
    const [records, variables] = await Promise.all([findNodes(db, repo), findVariables(db, repo)])
    const { values, texts } = await open(repo, infrastructure, next === undefined)
    const sources = { infrastructure, records, variables, catalog }
    return buildScope(
      { ...sources, secrets: values.secret, passwords: values.password, hidden: texts },
      { node, task },
    )
  }

  /** `keep`: passwords that are missing are made. A push under judgement may be refused: its are made up. */
  async function open(repo: string, infrastructure: Infrastructure, keep: boolean): Promise<Opened> {
    const opened = await vault.openAll(db, repo)
    const missing = wantedPasswords(infrastructure).filter((name) => !opened.values.password.has(name))
    if (missing.length === 0) return opened
    if (keep) {
      await passwords.make(repo, missing)
      return vault.openAll(db, repo)
    }
    for (const name of missing) {
      const value = newPassword()
      opened.values.password.set(name, value)
      opened.texts.push(value)
    }
    return opened
  }

  function wantedPasswords(infrastructure: Infrastructure): string[] {
    const made = [...catalog, ...infrastructure.services].some(({ options }) => generates(options))
    const named = passwordNames(infrastructure).map((name) => `passwords.${name}`)
    return [...new Set([...named, ...(made ? vacantAddresses({ catalog, infrastructure }) : [])])]
  }
}
