import { randomBytes } from 'node:crypto'
import { createSeal } from '#kit/seal.ts'
import { startService } from '#kit/service.ts'
import { type TestParts, testParts } from '#testing/parts.ts'
import { profiles } from '../index.ts'

const passwordCost = { N: 16, r: 8, p: 1 }

/** The service on a store of its own, with a git that knows the repositories in `owned`. */
export async function startProfiles(given: Parameters<typeof testParts>[0] = {}) {
  await using stack = new AsyncDisposableStack()
  const parts = stack.use(await testParts(given))
  const owned: string[] = []
  stack.defer(
    parts.bus.answer('git.list_repositories', async ({ owner }) =>
      owned
        .filter((repo) => owner === undefined || repo.startsWith(`${owner}/`))
        .map((repo) => ({ repo, created_at: 0, branch: 'main', commit: null })),
    ),
  )
  stack.use(await startService(profiles, parts, { passwordCost, seal: createSeal([randomBytes(32)]) }))
  const undo = stack.move()
  return { ...parts, owned, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

export const PASSWORD = 'correct horse'

export const people = async ({ bus }: Pick<TestParts, 'bus'>, ...names: string[]): Promise<void> => {
  for (const name of names) await bus.ask('profiles.create_user', { name, password: PASSWORD })
}

export const signIn = ({ bus }: Pick<TestParts, 'bus'>, user: string, password: string, from?: string) =>
  bus.ask('profiles.authenticate', { kind: 'password', user, password, ...(from !== undefined && { from }) })
