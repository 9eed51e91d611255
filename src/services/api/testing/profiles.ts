import { Problem } from '#kit/problem.ts'
import { type Answerer, AT, type World } from './platform.ts'

/** profiles, as far as a face can tell: who holds which token, and what is refused to whom. */
export function answerProfiles(bus: Answerer, world: World): void {
  bus.answer('profiles.authenticate', async (proof) => {
    const found = proof.kind === 'token' ? world.identities.get(proof.token) : undefined
    if (found) return found
    if (proof.kind === 'password' && proof.password === 'correct horse')
      return { user: proof.user, admin: false, via: 'password' as const, credential: '' }
    throw new Problem('unauthenticated', {
      reason: proof.kind === 'token' ? 'the token is unknown or expired' : 'name or password is wrong',
    })
  })
  bus.answer('profiles.authorize', async ({ user, action, repo = '', whose }) => {
    if (whose === user) return {}
    const admin = [...world.identities.values()].some((one) => one.user === user && one.admin)
    if (world.forbidden.has(`${user} ${action} ${repo}`.trim()))
      throw new Problem('forbidden', { user, action })
    if (admin || repo.startsWith(`${user}/`) || (repo === '' && action === 'repo.create')) return {}
    throw repo
      ? new Problem('not_found', { what: `repository ${repo}` })
      : new Problem('administrators_only', { user, action })
  })
  bus.answer('profiles.collaborations', async ({ user }) =>
    user === 'ann' ? [{ repo: 'bob/blog', user, role: 'write' as const }] : [],
  )
  const user = (name: string) => ({
    name,
    email: null,
    admin: false,
    disabled: false,
    created_at: AT,
  })
  bus.answer('profiles.list_users', async () => ['ann', 'bob'].map(user))
  bus.answer('profiles.get_user', async ({ name }) => user(name))
  bus.answer('profiles.create_user', async ({ name, admin = false }) => ({ ...user(name), admin }))
  bus.answer('profiles.delete_user', async () => ({}))
  const key = { title: 'laptop', fingerprint: 'SHA256:a/b+c', key: 'ssh-ed25519 AAAA', created_at: AT }
  bus.answer('profiles.list_keys', async ({ user }) => [{ user, ...key }])
  bus.answer('profiles.add_key', async ({ user, key: line }) => ({ user, ...key, key: line }))
  bus.answer('profiles.remove_key', async () => ({}))
  const record = (user: string, id: string, at = AT) => ({
    id,
    user,
    title: 'laptop',
    scope: 'admin' as const,
    repo: null,
    created_at: at,
    expires_at: null,
    used_at: null,
  })
  bus.answer('profiles.list_tokens', async ({ user }) => [record(user, 't1'), record(user, 't2', AT + 1)])
  bus.answer('profiles.create_token', async ({ user }) => ({
    token: `devo_${user}`,
    record: record(user, 't3'),
  }))
  bus.answer('profiles.revoke_token', async () => ({}))
  bus.answer('profiles.list_collaborators', async ({ repo }) => [
    { repo, user: 'bob', role: 'write' as const },
  ])
  bus.answer('profiles.set_collaborator', async (input) => input)
  bus.answer('profiles.remove_collaborator', async () => ({}))
}
