import { type Action, type Reach, type Role, roles, type Scope, scopes } from '#contracts/profiles.ts'

/**
 * Who may what: the least role in the repository; `anyone`: every user; `administrator`: nobody else.
 * Administrators may all. Everybody may read and change their own profile.
 */
export const permissions: Record<Action, Role | 'anyone' | 'administrator'> = {
  'repo.read': 'read',
  'var.read': 'read',
  'secret.read': 'read',
  'logs.read': 'read',
  'collaborator.read': 'read',
  'repo.write': 'write',
  'node.sync': 'write',
  'node.link': 'write',
  'node.ssh': 'write',
  'task.run': 'write',
  'task.cancel': 'write',
  'run.approve': 'write',
  'var.write': 'write',
  'secret.write': 'write',
  'collaborator.write': 'admin',
  'settings.write': 'admin',
  'audit.read': 'admin',
  'repo.delete': 'owner',
  /** Without a repository: at all. With one: under that owner's name. */
  'repo.create': 'anyone',
  'user.read': 'administrator',
  'user.write': 'administrator',
  'platform.read': 'administrator',
}

/** Where a token needs another scope than that of the least role. */
const exceptions: Partial<Record<Action, Scope>> = {
  'user.read': 'read',
  'platform.read': 'read',
}

const scopeOfLeast = {
  read: 'read',
  write: 'write',
  anyone: 'write',
  admin: 'admin',
  owner: 'admin',
  administrator: 'admin',
} as const

/** The scope that a token must have for an action. */
export const scopeOf = (action: Action): Scope => exceptions[action] ?? scopeOfLeast[permissions[action]]

/** Whether a role in a repository is enough for an action there. */
export function allows(role: Role, action: Action): boolean {
  const least = permissions[action]
  if (least === 'anyone') return role === 'owner'
  if (least === 'administrator') return false
  return roles.indexOf(role) >= roles.indexOf(least)
}

/** Whether a token is for such an action. Of which repository it is for is another question. */
export const reaches = ({ scope }: Reach, action: Action): boolean =>
  scopes.indexOf(scope) >= scopes.indexOf(scopeOf(action))

/** The owner of `owner/name` is the user `owner`. */
export const ownerOf = (repo: string): string => repo.slice(0, repo.indexOf('/'))
