import type { Infrastructure, Service } from '#contracts/descriptors.ts'
import { createSeal, type Seal } from '#kit/seal.ts'
import { startService } from '#kit/service.ts'
import { type TestParts, testParts } from '#testing/parts.ts'
import { registry } from '../index.ts'

export interface TestRegistry extends TestParts {
  /** What every repository says from now on. */
  answer(infrastructure: Infrastructure): void
  /** The same by commit. */
  answerBy(say: Say): void
}

type Say = (commit: string | undefined) => Infrastructure | undefined

interface Given {
  catalog?: Service[]
  seal?: Seal
  /** A database file; in memory when absent. */
  path?: string
}

export async function startRegistry(given: Given = {}): Promise<TestRegistry> {
  await using stack = new AsyncDisposableStack()
  const parts = stack.use(await testParts(given.path === undefined ? {} : { path: given.path }))
  const seal = given.seal ?? createSeal([Buffer.alloc(32, 1)])
  let say: Say = () => undefined
  stack.defer(
    parts.bus.answer('git.infrastructure', async ({ repo, commit }) => {
      const said = say(commit)
      if (!said) throw new Error('the test says no infrastructure')
      return { ...said, repo }
    }),
  )
  stack.use(await startService(registry, parts, { catalog: given.catalog ?? [], seal }))
  const undo = stack.move()
  return {
    ...parts,
    answer(infrastructure) {
      say = () => infrastructure
    },
    answerBy(given) {
      say = given
    },
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  }
}
