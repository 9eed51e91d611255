import type { Bus } from '#bus'
import type { Input, Output } from '#contracts'
import type { Role } from '#contracts/profiles.ts'
import { Problem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import type { Store, Tx } from '#store'
import { allows, ownerOf } from './permissions.ts'
import type { Tables } from './tables.ts'
import { findUser, requireUser } from './users.ts'

type Collaborator = Output<'profiles.set_collaborator'>

/** Null: none. The owner's role comes from the repository's name. */
export async function roleOf(db: Store<Tables>['db'], repo: string, user: string): Promise<Role | null> {
  if (ownerOf(repo) === user) return 'owner'
  const row = await db
    .selectFrom('profiles_collaborators')
    .select('role')
    .where('repo', '=', repo)
    .where('user', '=', user)
    .executeTakeFirst()
  return (row?.role as Role | undefined) ?? null
}

const announce = (bus: Bus, tx: Tx, repo: string, user: string, role: Role | null) =>
  bus.publish('collaborator.changed', { subject: repo, data: { repo, user, role } }, tx)

/** For a user who goes: nodes are told, so that they drop the user's keys. */
export async function dropCollaborationsOf(bus: Bus, tx: Tx<Tables>, user: string): Promise<void> {
  const rows = await tx.db
    .deleteFrom('profiles_collaborators')
    .where('user', '=', user)
    .returning('repo')
    .execute()
  for (const { repo } of rows) await announce(bus, tx, repo, user, null)
}

/** For a repository that was deleted: a later one of the same name starts without its people and tokens. */
export async function forgetRepository({ db }: Tx<Tables>, repo: string, at: number): Promise<void> {
  const former = await findForgotten(db, repo)
  if (former && Number(former.at) >= at) return
  await db.deleteFrom('profiles_collaborators').where('repo', '=', repo).execute()
  await db.deleteFrom('profiles_tokens').where('repo', '=', repo).execute()
  const newest = await db
    .selectFrom('profiles_audit')
    .select(({ fn }) => fn.max('seq').as('seq'))
    .executeTakeFirst()
  const audited = Number(newest?.seq ?? 0)
  await db
    .insertInto('profiles_forgotten')
    .values({ repo, at, audited })
    .onConflict((conflict) => conflict.column('repo').doUpdateSet({ at, audited }))
    .execute()
}

/** Of the last repository of this name that was deleted. */
export const findForgotten = (
  db: Store<Tables>['db'],
  repo: string,
): Promise<Tables['profiles_forgotten'] | undefined> =>
  db.selectFrom('profiles_forgotten').selectAll().where('repo', '=', repo).executeTakeFirst()

export function createCollaborators({ bus, store: any }: Parts) {
  const store = any.as<Tables>()

  return {
    async set({ repo, user, role }: Collaborator): Promise<Collaborator> {
      if (ownerOf(repo) === user) throw new Problem('conflict', { reason: `${user} owns ${repo} already` })
      if (role === 'owner')
        throw new Problem('invalid', {
          reason: `role owner belongs to ${ownerOf(repo)}; give read, write or admin`,
        })
      await store.transaction(async (tx) => {
        await requireUser(tx.db, user)
        if ((await roleOf(tx.db, repo, user)) === role) return
        await tx.db
          .insertInto('profiles_collaborators')
          .values({ repo, user, role })
          .onConflict((conflict) => conflict.columns(['repo', 'user']).doUpdateSet({ role }))
          .execute()
        await announce(bus, tx, repo, user, role)
      })
      return { repo, user, role }
    },

    async remove({ repo, user }: Input<'profiles.remove_collaborator'>): Promise<Record<string, never>> {
      await store.transaction(async (tx) => {
        const row = await tx.db
          .deleteFrom('profiles_collaborators')
          .where('repo', '=', repo)
          .where('user', '=', user)
          .returning('user')
          .executeTakeFirst()
        if (!row) throw new Problem('not_found', { what: `collaborator ${user} on ${repo}` })
        await announce(bus, tx, repo, user, null)
      })
      return {}
    },

    list: async ({ repo }: Input<'profiles.list_collaborators'>): Promise<Collaborator[]> => {
      const rows = await store.db
        .selectFrom('profiles_collaborators')
        .selectAll()
        .where('repo', '=', repo)
        .orderBy('user')
        .execute()
      return rows as Collaborator[]
    },

    async of({ user }: Input<'profiles.collaborations'>): Promise<Collaborator[]> {
      if (!(await findUser(store.db, user))) return []
      const owned = await bus.ask('git.list_repositories', { owner: user })
      const shared = await store.db
        .selectFrom('profiles_collaborators')
        .selectAll()
        .where('user', '=', user)
        .execute()
      return [
        ...owned.map(({ repo }) => ({ repo, user, role: 'owner' as const })),
        ...(shared as Collaborator[]),
      ].sort((a, b) => (a.repo < b.repo ? -1 : 1))
    },

    async nodeKeys({ repo }: Input<'profiles.node_keys'>): Promise<Output<'profiles.node_keys'>> {
      const rows = await store.db
        .selectFrom('profiles_collaborators')
        .select(['user', 'role'])
        .where('repo', '=', repo)
        .execute()
      const users = rows.filter(({ role }) => allows(role as Role, 'node.ssh')).map(({ user }) => user)
      return store.db
        .selectFrom('profiles_keys')
        .innerJoin('profiles_users', 'profiles_users.name', 'profiles_keys.user')
        .select(['user', 'key'])
        .where('user', 'in', [ownerOf(repo), ...users])
        .where('disabled', '=', 0)
        .orderBy('user')
        .orderBy('key')
        .execute()
    },
  }
}
