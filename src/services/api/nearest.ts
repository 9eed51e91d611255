import type { Bus } from '#bus'
import type { Identity } from '#contracts/profiles.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import { nearest } from '#language'
import { nodeNames, noSuch, taskNames } from './names.ts'
import { visibleRepositories } from './repositories.ts'

/** A refusal as a service gave it, taken apart. */
interface Refusal {
  bus: Bus
  repo: string
  identity: Identity
  /** After `of`, `on` or `in`: the user or the repository that was looked at. */
  owner: string
}

/** So many of the latest are looked through for an id that was misspelt. */
const LATEST = 1000

/** What the names of a kind are. Only what the caller may list: a hint must tell nobody of what is not for him. */
const listings: Record<string, (refusal: Refusal) => Promise<string[]>> = {
  node: ({ bus, repo }) => nodeNames(bus, repo),
  task: ({ bus, repo }) => taskNames(bus, repo),
  run: async ({ bus, repo }) => ids(await bus.ask('tasker.list_runs', { repo, limit: LATEST })),
  work: async ({ bus, repo }) => ids(await bus.ask('tasker.list_works', { repo, limit: LATEST })),
  delivery: async ({ bus, repo }) => ids(await bus.ask('tasker.list_deliveries', { repo, limit: LATEST })),
  user: ({ bus, identity }) => knownUsers(bus, identity),
  token: async ({ bus, owner: user }) => ids(await bus.ask('profiles.list_tokens', { user })),
  key: async ({ bus, owner: user }) =>
    (await bus.ask('profiles.list_keys', { user })).map(({ fingerprint }) => fingerprint),
  credential: async ({ bus, owner: user }) =>
    (await bus.ask('profiles.list_credentials', { user })).map(({ name }) => name),
  collaborator: async ({ bus, repo }) =>
    (await bus.ask('profiles.list_collaborators', { repo })).map(({ user }) => user),
}

/** What users have. */
const ofUser = ['token', 'key', 'credential']

const ids = (all: readonly { id: string }[]): string[] => all.map(({ id }) => id)

/** All for an administrator; for the others those with whom they share a repository. */
export async function knownUsers(bus: Bus, identity: Identity): Promise<string[]> {
  if (identity.admin) return (await bus.ask('profiles.list_users', {})).map(({ name }) => name)
  const [shared, seen] = await Promise.all([
    bus.ask('profiles.collaborations', { user: identity.user }),
    visibleRepositories(bus, identity),
  ])
  const owners = seen.map(({ repo }) => repo.split('/')[0] ?? '')
  return [...new Set([identity.user, ...shared.map(({ user }) => user), ...owners])]
}

/** Throws when there is no such user, as far as the caller may know. */
export async function requireUser(bus: Bus, identity: Identity, user: string): Promise<void> {
  try {
    await bus.ask('profiles.get_user', { name: user })
  } catch (error) {
    if (!isProblem(error, 'not_found') && !isProblem(error, 'invalid')) throw error
    throw noSuch('user', user, '', await knownUsers(bus, identity))
  }
}

const shape = /^(\w+) (\S+)(?: (?:in|of|on) (\S+?))?(: .*)?$/

/** The same refusal with the nearest name that the caller may know; as it is when there is none, or it has one. */
export async function withNearest(
  error: unknown,
  { bus, repo, identity }: Omit<Refusal, 'owner'>,
): Promise<unknown> {
  if (!isProblem(error, 'not_found')) return error
  const what = String(error.data.what)
  const [, kind = '', name = '', owner = ''] = shape.exec(what) ?? []
  const list = Object.hasOwn(listings, kind) ? listings[kind] : undefined
  if (!list || what.includes(', did you mean ')) return error
  // A key of nobody: first of all there is no such user.
  if (ofUser.includes(kind) && owner !== '') {
    const refused = await requireUser(bus, identity, owner).then(
      () => undefined,
      (other) => other,
    )
    if (isProblem(refused, 'not_found')) return refused
  }
  // The refusal stands whether or not there is a name to offer.
  const names = await list({ bus, repo, identity, owner }).catch(() => [])
  const near = nearest(name, names)
  if (near === undefined) return error
  const plain = what.replace(/: push .*$/, '')
  return new Problem('not_found', { what: `${plain}, did you mean ${near}?` }, { cause: error })
}
