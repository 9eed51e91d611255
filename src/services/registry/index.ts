import type { Service } from '#contracts/descriptors.ts'
import { answerAll } from '#kit/answers.ts'
import { checkSeal, type Seal } from '#kit/seal.ts'
import { defineService } from '#kit/service.ts'
import type { Tx } from '#store'
import { migrations } from './migrations.ts'
import { createNodes } from './nodes.ts'
import { createPasswords } from './passwords.ts'
import { createPlatformKeys } from './platform-keys.ts'
import { createPushes } from './pushes.ts'
import { forgetRepository } from './repositories.ts'
import { createResolve } from './resolve.ts'
import { sealRow } from './seal-row.ts'
import { createSecrets } from './secrets.ts'
import type { Tables } from './tables.ts'
import { findDependents } from './uses.ts'
import { createGetValue } from './value.ts'
import { createVariables } from './variables.ts'
import { createVault } from './vault.ts'

export interface RegistryOptions {
  catalog: Service[]
  seal: Seal
}

export const registry = defineService<RegistryOptions>({
  name: 'registry',
  migrations,
  async start(parts, { catalog, seal }) {
    const store = parts.store.as<Tables>()
    await checkSeal(seal, sealRow(store))
    const nodes = createNodes(parts)
    const vault = createVault(seal)
    const variables = createVariables(parts, vault)
    const secrets = createSecrets(parts, vault)
    const passwords = createPasswords(parts, vault)
    const resolving = { ...parts, catalog, vault, passwords }
    const resolve = createResolve(resolving)
    answerAll(parts, {
      'registry.get_node': nodes.get,
      'registry.list_nodes': nodes.list,
      'registry.record_node': nodes.record,
      'registry.note_uses': nodes.noteUses,
      'registry.forget_node': nodes.forget,
      'registry.forget_repository': async ({ repo, at }) => {
        await store.transaction((tx) => forgetRepository(tx, repo, at))
        return {}
      },
      'registry.set_variable': variables.set,
      'registry.unset_variable': variables.unset,
      'registry.list_variables': variables.list,
      'registry.variable_history': variables.history,
      'registry.resolve': resolve.forMany,
      'registry.get_value': createGetValue(parts, resolve),
      'registry.set_secret': secrets.set,
      'registry.unset_secret': secrets.unset,
      'registry.reveal_secret': secrets.reveal,
      'registry.list_secrets': secrets.list,
      'registry.secret_history': secrets.history,
      'registry.list_passwords': passwords.list,
      'registry.rotate_password': passwords.rotate,
      'registry.used_by': ({ repo, address }) => findDependents(store.db, repo, [address]),
      'registry.platform_key': createPlatformKeys(parts, seal),
    })
    parts.stack.defer(parts.bus.on('registry.pushes', ['repo.pushed'], createPushes(resolving)))
    parts.stack.defer(
      parts.bus.on('registry', ['repo.deleted'], async (event, delivery) => {
        const { repo, at = event.time } = event.data
        await delivery.once((tx) => forgetRepository(tx as Tx<Tables>, repo, at))
      }),
    )
  },
})
