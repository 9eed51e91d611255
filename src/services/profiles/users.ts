import type { Input, Output } from '#contracts'
import { Problem } from '#kit/problem.ts'
import type { Parts } from '#kit/service.ts'
import type { Store, Tx } from '#store'
import { requireAsker } from './asker.ts'
import { dropCollaborationsOf } from './collaborators.ts'
import { type Cost, hashPassword } from './passwords.ts'
import type { Tables } from './tables.ts'

type User = Output<'profiles.get_user'>
type Row = Pick<Tables['profiles_users'], 'name' | 'email' | 'admin' | 'disabled' | 'created_at'>

const toUser = ({ name, email, admin, disabled, created_at }: Row): User => ({
  name,
  email,
  admin: admin === 1,
  disabled: disabled === 1,
  created_at,
})

export const noUser = (name: string): Problem => new Problem('not_found', { what: `user ${name}` })

export async function findUser(
  db: Store<Tables>['db'],
  name: string,
): Promise<Tables['profiles_users'] | undefined> {
  return db.selectFrom('profiles_users').selectAll().where('name', '=', name).executeTakeFirst()
}

/** Throws `not_found`. */
export async function requireUser(db: Store<Tables>['db'], name: string): Promise<Tables['profiles_users']> {
  const user = await findUser(db, name)
  if (!user) throw noUser(name)
  return user
}

export function createUsers({ bus, clock, store: any }: Parts, cost?: Cost) {
  const store = any.as<Tables>()

  const changed = (user: string, tx: Tx<Tables>, what: 'user' | 'about' = 'user') =>
    bus.publish('profile.changed', { subject: user, data: { user, what } }, tx)

  return {
    async create({ asker, name, email, password, admin }: Input<'profiles.create_user'>): Promise<User> {
      const hash = password === undefined ? null : await hashPassword(password, cost)
      return store.transaction(async (tx) => {
        await requireAsker(tx.db, asker, null, clock.now())
        const row = await tx.db
          .insertInto('profiles_users')
          .values({
            name,
            folded: name.toLowerCase(),
            email: email ?? null,
            password: hash,
            admin: admin ? 1 : 0,
            disabled: 0,
            created_at: clock.now(),
          })
          .onConflict((conflict) => conflict.doNothing())
          .returningAll()
          .executeTakeFirst()
        if (!row) throw new Problem('exists', { what: `User ${name}` })
        await changed(name, tx)
        return toUser(row)
      })
    },

    async list(): Promise<User[]> {
      const rows = await store.db.selectFrom('profiles_users').selectAll().orderBy('name').execute()
      return rows.map(toUser)
    },

    get: async ({ name }: Input<'profiles.get_user'>): Promise<User> =>
      toUser(await requireUser(store.db, name)),

    async update({ name, email, admin, disabled }: Input<'profiles.update_user'>): Promise<User> {
      return store.transaction(async (tx) => {
        const before = await requireUser(tx.db, name)
        if (before.admin === 1 && (admin === false || disabled === true))
          await refuseLastAdministrator(tx, name)
        const row = await tx.db
          .updateTable('profiles_users')
          .set({
            email: email === undefined ? before.email : email,
            admin: admin === undefined ? before.admin : Number(admin),
            disabled: disabled === undefined ? before.disabled : Number(disabled),
          })
          .where('name', '=', name)
          .returningAll()
          .executeTakeFirstOrThrow()
        // An address of mail or the right to administrate the platform opens no node: none has to be synced for it.
        await changed(name, tx, row.disabled === before.disabled ? 'about' : 'user')
        return toUser(row)
      })
    },

    /** With keys, tokens and collaborations. Refused while the user owns repositories: they would have no owner. */
    async remove({ name }: Input<'profiles.delete_user'>): Promise<Record<string, never>> {
      await requireUser(store.db, name)
      const [owned] = await bus.ask('git.list_repositories', { owner: name })
      if (owned)
        throw new Problem('conflict', { reason: `${name} owns ${owned.repo}: delete the repositories first` })
      await store.transaction(async (tx) => {
        const { admin } = await requireUser(tx.db, name)
        if (admin === 1) await refuseLastAdministrator(tx, name)
        await dropCollaborationsOf(bus, tx, name)
        await tx.db.deleteFrom('profiles_keys').where('user', '=', name).execute()
        await tx.db.deleteFrom('profiles_tokens').where('user', '=', name).execute()
        await tx.db.deleteFrom('profiles_credentials').where('user', '=', name).execute()
        await tx.db.deleteFrom('profiles_users').where('name', '=', name).execute()
        await tx.db.deleteFrom('profiles_sign_ins').where('key', '=', `user:${name}`).execute()
        await changed(name, tx)
      })
      return {}
    },
  }
}

async function refuseLastAdministrator(tx: Tx<Tables>, name: string): Promise<void> {
  const other = await tx.db
    .selectFrom('profiles_users')
    .select('name')
    .where('admin', '=', 1)
    .where('disabled', '=', 0)
    .where('name', '!=', name)
    .executeTakeFirst()
  if (!other)
    throw new Problem('conflict', { reason: `${name} is the last administrator: make another one first` })
}
