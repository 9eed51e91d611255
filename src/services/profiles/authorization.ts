import type { Input } from '#contracts'
import type { Action } from '#contracts/profiles.ts'
import { Problem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import { roleOf } from './collaborators.ts'
import { allows, permissions } from './permissions.ts'
import type { Tables } from './tables.ts'
import { findUser } from './users.ts'

/** Whether the repository itself exists is git's to say: a user may all on repositories of their own name. */
export function createAuthorization({ store: any }: Parts) {
  const { db } = any.as<Tables>()

  return async ({ user, action, repo }: Input<'profiles.authorize'>): Promise<Record<string, never>> => {
    const found = await findUser(db, user)
    if (!found) throw new Problem('unauthenticated', { reason: `user ${user} is not known` })
    if (found.admin === 1) return {}
    if (repo === undefined) {
      if (permissions[action] !== 'anyone') throw new Problem('forbidden', { user, action: sentence(action) })
      return {}
    }
    const role = await roleOf(db, repo, user)
    if (role === null && action !== 'repo.create')
      throw new Problem('not_found', { what: `repository ${repo}` })
    if (role === null || !allows(role, action))
      throw new Problem('forbidden', { user, action: `${sentence(action)} in ${repo}` })
    return {}
  }
}

const WORDS: Record<Action, string> = {
  'repo.read': 'read the repository',
  'repo.write': 'push',
  'repo.create': 'create a repository',
  'repo.delete': 'delete the repository',
  'node.sync': 'sync nodes',
  'node.link': 'link nodes',
  'node.ssh': 'log in to nodes',
  'task.run': 'run tasks',
  'task.cancel': 'cancel runs',
  'var.read': 'read variables',
  'var.write': 'change variables',
  'secret.read': 'see which secrets there are',
  'secret.write': 'change secrets',
  'collaborator.read': 'see the collaborators',
  'collaborator.write': 'change the collaborators',
  'settings.write': 'change the settings',
  'logs.read': 'read logs',
  'user.read': 'see other users',
  'user.write': 'change other users',
  'platform.read': 'see the state of the platform',
}

const sentence = (action: Action): string => WORDS[action]
