import { type Action, type Role, roles } from '#contracts/profiles.ts'

/**
 * Who may what: the least role in the repository; `anyone`: every user; `administrator`: nobody else.
 * Administrators may all. That everybody may read and change their own profile is for the face to know.
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
  'var.write': 'write',
  'secret.write': 'write',
  'collaborator.write': 'admin',
  'settings.write': 'admin',
  'repo.delete': 'owner',
  /** Without a repository: at all. With one: under that owner's name. */
  'repo.create': 'anyone',
  'user.read': 'administrator',
  'user.write': 'administrator',
  'platform.read': 'administrator',
}

/** Whether a role in a repository is enough for an action there. */
export function allows(role: Role, action: Action): boolean {
  const least = permissions[action]
  if (least === 'anyone') return role === 'owner'
  if (least === 'administrator') return false
  return roles.indexOf(role) >= roles.indexOf(least)
}

/** The owner of `owner/name` is the user `owner`. */
export const ownerOf = (repo: string): string => repo.slice(0, repo.indexOf('/'))
