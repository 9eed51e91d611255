import type { Input, Output } from '#contracts'
import type { CredentialFields } from '#contracts/credentials.ts'
import { Problem } from '#kit/problem.ts'
import type { Seal } from '#kit/seal.ts'
import type { Parts } from '#kit/service.ts'
import type { Store } from '#store'
import type { Audit } from './audit.ts'
import { ownerOf } from './permissions.ts'
import type { Tables } from './tables.ts'
import { requireUser } from './users.ts'

type Credential = Output<'profiles.set_credential'>
type Row = Tables['profiles_credentials']
type Use = Input<'profiles.use_credential'>

/** Milliseconds in which a provider must say whether it takes a credential. */
const CHECK = 20_000

export const contextOf = ({ user, name }: Pick<Row, 'user' | 'name'>): string => `credential ${user}/${name}`

export function createCredentials(
  { bus, clock, log, store: any }: Parts,
  seal: Seal,
  audit: Pick<Audit, 'record'>,
) {
  const store = any.as<Tables>()

  const check = async (provider: string, fields: CredentialFields) =>
    (await bus.ask('shazam.check_credential', { provider, fields }, { deadline: CHECK })).said

  const openFields = (row: Row): CredentialFields =>
    JSON.parse(seal.open(row.sealed, contextOf(row)).reveal()) as CredentialFields

  /** A server that is being made is on no record yet, but the sync that makes it runs. */
  async function refuseWhileMaking(user: string, name: string): Promise<void> {
    for (const { repo } of await bus.ask('git.list_repositories', { owner: user })) {
      const works = await bus.ask('tasker.list_works', { repo, states: ['running'], limit: 1000 })
      for (const {
        kind,
        commit,
        nodes: [node],
      } of works) {
        if (kind !== 'sync' || commit === null) continue
        const { nodes } = await bus.ask('git.infrastructure', { repo, commit })
        if (!nodes.some(({ id, provider }) => id === node && provider.credential === name)) continue
        throw new Problem('conflict', {
          reason: `Node ${node} in ${repo} is being synced with it: wait for the end, or set the credential anew`,
        })
      }
    }
  }

  /**
   * Before it is handed out, so that nobody takes it away in between unseen. False: it is gone. A disk that is full keeps
   * nobody from using it: then it cannot be taken away either.
   */
  async function noteUse({ user, name, used_at }: Row): Promise<boolean> {
    try {
      const { numUpdatedRows } = await store.transaction((tx) =>
        tx.db
          .updateTable('profiles_credentials')
          .set({ used_at: Math.max(clock.now(), (used_at ?? 0) + 1) })
          .where('user', '=', user)
          .where('name', '=', name)
          .executeTakeFirst(),
      )
      return numUpdatedRows === 1n
    } catch (error) {
      log.warn({ err: error, credential: name }, 'the use of a credential could not be noted')
      return true
    }
  }

  return {
    async set({
      user,
      name,
      provider,
      fields,
      repos = [],
    }: Input<'profiles.set_credential'>): Promise<Credential> {
      await requireUser(store.db, user)
      const foreign = repos.find((repo) => ownerOf(repo) !== user)
      if (foreign) throw new Problem('invalid', { reason: `${foreign} is no repository of ${user}` })
      const said = await check(provider, fields)
      const now = clock.now()
      const row: Row = {
        user,
        name,
        provider,
        fields: JSON.stringify(Object.keys(fields).sort()),
        repos: JSON.stringify([...new Set(repos)].sort()),
        sealed: seal.seal(JSON.stringify(fields), contextOf({ user, name })),
        set_at: now,
        checked_at: said === null ? null : now,
        said,
        used_at: null,
      }
      await store.transaction(async (tx) => {
        await requireUser(tx.db, user)
        const { user: _user, name: _name, ...values } = row
        await tx.db
          .insertInto('profiles_credentials')
          .values(row)
          .onConflict((conflict) => conflict.columns(['user', 'name']).doUpdateSet(values))
          .execute()
      })
      return toCredential(row)
    },

    async list({ user }: Input<'profiles.list_credentials'>): Promise<Credential[]> {
      await requireUser(store.db, user)
      return (await credentialsOf(store.db, user)).map(toCredential)
    },

    async check({ user, name }: Input<'profiles.check_credential'>): Promise<Credential> {
      const row = await requireCredential(store.db, user, name)
      const said = await check(row.provider, openFields(row))
      const checked_at = said === null ? row.checked_at : clock.now()
      await store.db
        .updateTable('profiles_credentials')
        .set({ said, checked_at })
        .where('user', '=', user)
        .where('name', '=', name)
        .execute()
      return toCredential({ ...row, said, checked_at })
    },

    async unset({ user, name }: Input<'profiles.unset_credential'>): Promise<Record<string, never>> {
      const { used_at } = await requireCredential(store.db, user, name)
      const made = (await bus.ask('registry.list_nodes', {})).find(
        ({ repo, server }) => ownerOf(repo) === user && server?.made_from.credential === name,
      )
      if (made)
        throw new Problem('conflict', {
          reason: `The server of node ${made.node} in ${made.repo} was made with it: remove the node first, or set the credential anew`,
        })
      await refuseWhileMaking(user, name)
      await store.transaction(async (tx) => {
        const { numDeletedRows } = await tx.db
          .deleteFrom('profiles_credentials')
          .where('user', '=', user)
          .where('name', '=', name)
          .where('used_at', 'is', used_at)
          .executeTakeFirst()
        if (numDeletedRows === 0n)
          throw new Problem('conflict', { reason: `Credential ${name} has been used just now: try again` })
      })
      return {}
    },

    ofRepository: async ({ repo }: Input<'profiles.repository_credentials'>) =>
      (await credentialsOf(store.db, ownerOf(repo)))
        .filter((row) => isFor(row, repo))
        .map(({ name, provider }) => ({ name, provider })),

    /** Recorded before anybody sees it: what cannot be recorded is not handed out. */
    async use(use: Use): Promise<Output<'profiles.use_credential'>> {
      const { repo, name, provider } = use
      const user = ownerOf(repo)
      const row = (await credentialsOf(store.db, user)).find((one) => one.name === name)
      const refusal = refusalOf(row, use)
      await audit.record(recordOf(use, user, refusal === undefined ? 'done' : 'refused'))
      if (!row || refusal !== undefined)
        throw new Problem('provider', { provider, reason: refusal, kind: 'credentials' })
      const fields = openFields(row)
      if (!(await noteUse(row)))
        throw new Problem('provider', { provider, reason: gone(use), kind: 'credentials' })
      log.info({ repo, node: use.node, credential: name }, 'a credential was handed out')
      return { fields }
    },
  }
}

const gone = ({ repo, name }: Pick<Use, 'repo' | 'name'>): string =>
  `${ownerOf(repo)} has no credential ${name} for ${repo}`

function refusalOf(row: Row | undefined, { repo, name, provider }: Use): string | undefined {
  if (!row || !isFor(row, repo)) return gone({ repo, name })
  if (row.provider !== provider) return `credential ${name} is for provider ${row.provider}`
  return undefined
}

const recordOf = (
  { repo, node, name, provider, purpose }: Use,
  owner: string,
  outcome: 'done' | 'refused',
) => ({
  actor: null,
  via: 'platform',
  credential: null,
  from: null,
  action: 'credential.use',
  repo,
  cause: node === null ? `what ${provider} offers` : `${purpose} the server of node ${node}`,
  details: { credential: name, owner, provider },
  outcome,
  of: null,
})

const isFor = (row: Row, repo: string): boolean => {
  const repos = JSON.parse(row.repos) as string[]
  return repos.length === 0 || repos.includes(repo)
}

const credentialsOf = (db: Store<Tables>['db'], user: string): Promise<Row[]> =>
  db.selectFrom('profiles_credentials').selectAll().where('user', '=', user).orderBy('name').execute()

async function requireCredential(db: Store<Tables>['db'], user: string, name: string): Promise<Row> {
  const row = (await credentialsOf(db, user)).find((one) => one.name === name)
  if (!row) throw new Problem('not_found', { what: `credential ${name} of ${user}` })
  return row
}

const toCredential = ({ sealed: _, fields, repos, ...rest }: Row): Credential => ({
  ...rest,
  fields: JSON.parse(fields) as string[],
  repos: JSON.parse(repos) as string[],
})
