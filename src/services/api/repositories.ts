import type Type from 'typebox'
import type { Bus } from '#bus'
import type { Identity, Role } from '#contracts/profiles.ts'
import type { RepositoryView } from './views.ts'

type View = Type.Static<typeof RepositoryView>

/** What a user owns or shares and the token reaches; for an administrator everything. Sorted by name. */
export async function visibleRepositories(bus: Bus, { user, admin, reach }: Identity): Promise<View[]> {
  const roles = new Map<string, Role>()
  for (const { repo, role, user: whose } of await bus.ask('profiles.collaborations', { user }))
    if (whose === user) roles.set(repo, role)
  // One question for all: a list of those shared, one by one, would be a question a repository.
  const all = await bus.ask('git.list_repositories', {})
  return all
    .filter(({ repo }) => !reach?.repo || repo === reach.repo)
    .flatMap((repository): View[] => {
      const role = roleOf(repository.repo, user, admin, roles)
      return role ? [{ ...repository, role }] : []
    })
    .toSorted((a, b) => a.repo.localeCompare(b.repo))
}

export async function viewRepository(bus: Bus, repo: string, { user, admin }: Identity): Promise<View> {
  const repository = await bus.ask('git.get_repository', { repo })
  const shared = await bus.ask('profiles.collaborations', { user })
  const roles = new Map(shared.filter((one) => one.user === user).map((one) => [one.repo, one.role]))
  return { ...repository, role: roleOf(repo, user, admin, roles) ?? 'read' }
}

function roleOf(
  repo: string,
  user: string,
  admin: boolean,
  shared: ReadonlyMap<string, Role>,
): Role | undefined {
  if (repo.startsWith(`${user}/`)) return 'owner'
  return admin ? 'admin' : shared.get(repo)
}
