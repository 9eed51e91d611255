import type { Input } from '#contracts'
import type { Infrastructure, Service } from '#contracts/descriptors.ts'
import type { Parts } from '#kit/service.ts'
import { generates, passwordNames } from '#language'
import type { Tree } from './leaves.ts'
import { findNodes } from './nodes.ts'
import { newPassword, type Passwords } from './passwords.ts'
import { buildScope, buildScopes, type Sources, type Viewer, vacantAddresses } from './scope-tree.ts'
import type { Tables } from './tables.ts'
import { findVariables } from './variables.ts'
import type { Opened, Vault } from './vault.ts'

export interface ResolveParts extends Pick<Parts, 'bus' | 'store'> {
  catalog: readonly Service[]
  vault: Vault
  passwords: Passwords
}

type Asked = Input<'registry.resolve'>

export interface Resolve {
  /** Answers `registry.resolve`. */
  forMany(asked: Asked): Promise<Tree>
  /** The tree at the tip, as one sees it. */
  forOne(repo: string, viewer: Viewer): Promise<Tree>
}

export function createResolve({ bus, store: any, catalog, vault, passwords }: ResolveParts): Resolve {
  const { db } = any.as<Tables>()

  return {
    forMany: async ({ nodes = [], task, ...at }) => buildScopes(await sourcesAt(at), nodes, task),
    forOne: async (repo, viewer) => buildScope(await sourcesAt({ repo }), viewer),
  }

  async function sourcesAt({
    repo,
    commit,
    next,
  }: Pick<Asked, 'repo' | 'commit' | 'next'>): Promise<Sources> {
    const infrastructure =
      next ?? (await bus.ask('git.infrastructure', { repo, ...(commit !== undefined && { commit }) }))
    const [records, variables] = await Promise.all([findNodes(db, repo), findVariables(db, repo)])
    const { values, texts } = await open(repo, infrastructure, next === undefined)
    const sealed = { secrets: values.secret, passwords: values.password, hidden: texts }
    return { infrastructure, records, variables, catalog, ...sealed }
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
