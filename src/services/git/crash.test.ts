import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { failOnLeaks } from '#testing/leaks.ts'
import { until } from '#testing/until.ts'
import { execute, makeClient } from './testing/client.ts'
import { node } from './testing/fixture.ts'
import { startPlatform } from './testing/platform.ts'

failOnLeaks()

for (const [failpoint, moved] of [
  ['judgement', false],
  ['before publish', true],
  ['before commit', true],
  ['after commit', true],
] as const)
  test(`killed at ${failpoint}: the push is ${moved ? 'in, and announced once' : 'out, and leaves nothing'} after a restart`, async () => {
    await using stack = new AsyncDisposableStack()
    const folder = await mkdtemp(join(tmpdir(), 'git-crash-'))
    stack.defer(() => rm(folder, { recursive: true, force: true }))
    const bare = join(folder, 'git/repositories/ann/infra.git')
    const client = await makeClient(folder, 'ann', { keys: new Map() })
    const work = await client.tree()
    const commit = await work.commit({ 'nodes/web.yml': node('web') })
    const push = (port: number) => work.git('push', `ssh://git@127.0.0.1:${port}/ann/infra.git`, 'main')

    const doomed = await startPlatform(stack, folder, failpoint)
    const exit = once(doomed.child, 'exit')
    await push(doomed.port)
    assert.equal((await exit)[1], 'SIGKILL')

    const next = await startPlatform(stack, folder)
    const heads = await execute('git', ['--git-dir', bare, 'for-each-ref', '--format=%(objectname)'])
    assert.equal(heads.said.trim(), moved ? commit : '')
    if (!moved) {
      const again = await push(next.port)
      assert.equal(again.code, 0, again.said)
    }
    await until(() => doomed.pushed.length + next.pushed.length === 1)
    assert.deepEqual(
      [...doomed.pushed, ...next.pushed].map(({ after, by }) => [after, by]),
      [[commit, 'ann']],
    )
    const left = (await readdir(join(bare, 'objects'))).filter((name) => name.includes('incoming'))
    assert.deepEqual(left, [])
    const fsck = await execute('git', ['--git-dir', bare, 'fsck', '--full', '--strict'])
    assert.equal(fsck.code, 0, fsck.said)
  })
