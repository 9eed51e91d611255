import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { root } from './tests.ts'
import { tryMutant } from './trial.ts'

const good = 'export const isMore = (a: number, b: number): boolean => a > b\n'

async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'devops-mutate-'))
  await writeFile(join(path, 'module.ts'), good)
  await writeFile(
    join(path, 'module.test.ts'),
    `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMore } from './module.ts'
test('two is more than one', () => assert.equal(isMore(2, 1), true))
test('hangs when one is more than two', async () => {
  if (isMore(1, 2)) { setInterval(() => {}, 1_000); await new Promise(() => {}) }
})
`,
  )
  const attempt = (source: string, limit = 60_000) =>
    tryMutant(join(path, 'module.test.ts'), relative(root, join(path, 'module.ts')), source, limit)
  return { attempt, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

test('a change that a test notices fails, one that none notices passes, one that hangs is ended', async () => {
  await using place = await folder()
  assert.equal(await place.attempt(good), 'passed')
  assert.equal(await place.attempt(good.replace('>', '>=').replace('=>=', '=>')), 'passed')
  assert.equal(await place.attempt(good.replace('a > b', 'a < b')), 'failed')
  assert.equal(await place.attempt(good.replace('a > b', 'true'), 3_000), 'timed out')
})

test('a test that fails ends a file that would hang, before its time is over', async () => {
  await using place = await folder()
  assert.equal(await place.attempt(good.replace('a > b', 'b > a')), 'failed')
})
