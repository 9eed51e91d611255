import type { Input } from '#contracts'
import type { Action, Reach } from '#contracts/profiles.ts'
import { Problem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import { roleOf } from './collaborators.ts'
import { allows, permissions, reaches, scopeOf } from './permissions.ts'
import type { Tables } from './tables.ts'
import { findUser } from './users.ts'

/** Whether the repository itself exists is git's to say: a user may all on repositories of their own name. */
export function createAuthorization({ store: any }: Parts) {
  const { db } = any.as<Tables>()

  return async (input: Input<'profiles.authorize'>): Promise<Record<string, never>> => {
    const { user, action, repo, whose, reach } = input
    const found = await findUser(db, user)
    if (!found) throw new Problem('unauthenticated', { reason: `user ${user} is not known` })
    if (found.disabled === 1) throw new Problem('unauthenticated', { reason: `user ${user} is disabled` })
    if (reach?.repo && repo !== undefined && repo !== reach.repo)
      throw new Problem('not_found', { what: `repository ${repo}` })
    if (found.admin === 0 && whose !== user) await judgeRole(input)
    if (reach && !(reaches(reach, action) && (reach.repo === null || repo === reach.repo)))
      throw tooNarrow(reach, input)
    return {}
  }

  async function judgeRole({ user, action, repo }: Input<'profiles.authorize'>): Promise<void> {
    if (repo === undefined) {
      if (permissions[action] === 'anyone') return
      throw new Problem('administrators_only', { user, action: ofPlatform(action) })
    }
    const role = await roleOf(db, repo, user)
    if (role === null && action !== 'repo.create')
      throw new Problem('not_found', { what: `repository ${repo}` })
    if (role === null || !allows(role, action))
      throw new Problem('forbidden', { user, action: `${sentence(action)} in ${repo}` })
  }
}

const tooNarrow = (reach: Reach, { action, repo, whose, user }: Input<'profiles.authorize'>): Problem =>
  new Problem('token_scope', {
    reach: `${reach.scope}${reach.repo === null ? '' : ` of ${reach.repo}`}`,
    action: whose === user ? (OWN[action] ?? sentence(action)) : sentence(action),
    needs: `${scopeOf(action)}${repo === undefined ? ' of everything' : ''}`,
  })

/** What it is called on one's own profile. */
const OWN: Partial<Record<Action, string>> = {
  'user.read': 'see the profile',
  'user.write': 'change the profile',
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
  'run.approve': 'approve runs',
  'var.read': 'read variables',
  'var.write': 'change variables',
  'secret.read': 'see which secrets there are',
  'secret.write': 'change secrets',
  'collaborator.read': 'see the collaborators',
  'collaborator.write': 'change the collaborators',
  'settings.write': 'change the settings',
  'logs.read': 'read logs',
  'audit.read': 'read the audit',
  'user.read': 'see other users',
  'user.write': 'change other users',
  'platform.read': 'see the state of the platform',
}

/** Without a repository it is about all of them. */
const ofPlatform = (action: Action): string =>
  action === 'audit.read' ? 'read the audit of the whole platform' : sentence(action)

/** `ann may not …` */
export const sentence = (action: Action): string => WORDS[action]
