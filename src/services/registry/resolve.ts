import type { Input } from '#contracts'
import type { Service } from '#contracts/descriptors.ts'
import type { Parts } from '#kit/service.ts'
import { findNodes } from './nodes.ts'
import { buildScope } from './scope-tree.ts'
import type { Tables } from './tables.ts'
import { findVariables } from './variables.ts'

export function createResolve({ bus, store: any }: Parts, catalog: readonly Service[]) {
  const { db } = any.as<Tables>()

  return async ({ repo, commit, next, node, task }: Input<'registry.resolve'>) => {
    const infrastructure =
      next ?? (await bus.ask('git.infrastructure', { repo, ...(commit !== undefined && { commit }) }))
    const [records, variables] = await Promise.all([findNodes(db, repo), findVariables(db, repo)])
    return buildScope({ infrastructure, records, variables, catalog }, { node, task })
  }
}
