import { answerAll } from '#kit/answers.ts'
import type { Seal } from '#kit/seal.ts'
import { defineService } from '#kit/service.ts'
import type { Tx } from '#store'
import { createAudit } from './audit.ts'
import { createAuthentication } from './authentication.ts'
import { createAuthorization } from './authorization.ts'
import { createCollaborators, forgetRepository } from './collaborators.ts'
import { createCredentials } from './credentials.ts'
import { createKeys } from './keys.ts'
import { migrations } from './migrations.ts'
import { createPasswordChange } from './password-change.ts'
import { createPasswordCheck } from './password-check.ts'
import type { Cost } from './passwords.ts'
import type { Tables } from './tables.ts'
import { createTokens } from './tokens.ts'
import { createUsers } from './users.ts'

export interface ProfilesOptions {
  /** Of scrypt; OWASP's figures when absent. */
  passwordCost?: Cost
  seal: Seal
}

export const profiles = defineService<ProfilesOptions>({
  name: 'profiles',
  migrations,
  async start(parts, { passwordCost, seal }) {
    const audit = createAudit(parts, seal)
    const check = createPasswordCheck(parts, passwordCost)
    const users = createUsers(parts, passwordCost)
    const keys = createKeys(parts)
    const tokens = createTokens(parts)
    const credentials = createCredentials(parts, seal, audit)
    const collaborators = createCollaborators(parts)
    answerAll(parts, {
      'profiles.create_user': users.create,
      'profiles.list_users': users.list,
      'profiles.get_user': users.get,
      'profiles.update_user': users.update,
      'profiles.delete_user': users.remove,
      'profiles.set_password': createPasswordChange(parts, check, passwordCost),
      'profiles.add_key': keys.add,
      'profiles.list_keys': keys.list,
      'profiles.remove_key': keys.remove,
      'profiles.create_token': tokens.create,
      'profiles.list_tokens': tokens.list,
      'profiles.revoke_token': tokens.revoke,
      'profiles.authenticate': createAuthentication(parts, check, audit),
      'profiles.set_credential': credentials.set,
      'profiles.list_credentials': credentials.list,
      'profiles.check_credential': credentials.check,
      'profiles.unset_credential': credentials.unset,
      'profiles.repository_credentials': credentials.ofRepository,
      'profiles.use_credential': credentials.use,
      'profiles.record_audit': audit.record,
      'profiles.list_audit': audit.list,
      'profiles.verify_audit': audit.verify,
      'profiles.authorize': createAuthorization(parts),
      'profiles.collaborations': collaborators.of,
      'profiles.forget_repository': async ({ repo, at }) => {
        await parts.store.transaction((tx) => forgetRepository(tx as Tx<Tables>, repo, at))
        return {}
      },
      'profiles.set_collaborator': collaborators.set,
      'profiles.remove_collaborator': collaborators.remove,
      'profiles.list_collaborators': collaborators.list,
      'profiles.node_keys': collaborators.nodeKeys,
    })
    parts.stack.defer(
      parts.bus.on('profiles', ['repo.deleted'], async (event, delivery) => {
        const { repo, at = event.time } = event.data
        await delivery.once((tx) => forgetRepository(tx as Tx<Tables>, repo, at))
      }),
    )
  },
})
