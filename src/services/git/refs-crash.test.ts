import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, watch } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { failOnLeaks } from '#testing/leaks.ts'
import { until } from '#testing/until.ts'
import { execute, makeClient } from './testing/client.ts'
import { node } from './testing/fixture.ts'
import { startPlatform } from './testing/platform.ts'

failOnLeaks()

const COUNT = 1000

/** Resolves when something of this name stands in the folder. */
async function appears(folder: string, name: string): Promise<void> {
  for await (const { filename } of watch(folder)) if (filename === name) return
}

/** The processes of git that move the refs of this repository. */
function movers(bare: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const told = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('update-ref\0')
        return told && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`GIT_DIR=${bare}\0`)
      } catch {
        // It has ended.
        return false
      }
    })
    .map(Number)
}

for (const [what, signal, gitToo] of [
  ['the platform is killed', 'SIGKILL', false],
  ['the platform is told to end', 'SIGTERM', false],
  ['the platform and its git are killed', 'SIGKILL', true],
] as const)
  test(`${what} while it moves ${COUNT} refs: after a start all of them moved or none, announced once`, async () => {
    await using stack = new AsyncDisposableStack()
    const folder = await mkdtemp(join(tmpdir(), 'git-crash-'))
    stack.defer(() => rm(folder, { recursive: true, force: true }))
    const bare = join(folder, 'git/repositories/ann/infra.git')
    const client = await makeClient(folder, 'ann', { keys: new Map() })
    const work = await client.tree()
    const commit = await work.commit({ 'nodes/web.yml': node('web') })
    const lines = Array.from({ length: COUNT }, (_, i) => `create refs/tags/t${i} HEAD\n`).join('')
    await client.run('git', ['update-ref', '--stdin'], work.folder, {}, lines)
    const push = (port: number) =>
      work.git('push', `ssh://git@127.0.0.1:${port}/ann/infra.git`, 'main', 'refs/tags/*')
    const doomed = await startPlatform(stack, folder)
    const moving = appears(bare, 'devops-moves')
    const told = push(doomed.port)
    await moving
    const exit = once(doomed.child, 'exit')
    if (gitToo) for (const pid of movers(bare)) process.kill(pid, 'SIGKILL')
    doomed.child.kill(signal)
    await exit
    const { code } = await told

    const next = await startPlatform(stack, folder)
    const refs = await execute('git', ['--git-dir', bare, 'for-each-ref', '--format=%(refname)'])
    const count = refs.said.split('\n').filter(Boolean).length
    assert.ok(count === 0 || count === COUNT + 1, `${count} refs`)
    if (code === 0) assert.equal(count, COUNT + 1)
    const announced = () => [...doomed.pushed, ...next.pushed].map(({ after, by }) => [after, by])
    if (count === 0) assert.equal((await push(next.port)).code, 0)
    await until(() => announced().length > 0)
    assert.deepEqual(announced(), [[commit, 'ann']])
    const fsck = await execute('git', ['--git-dir', bare, 'fsck', '--full', '--strict'])
    assert.equal(fsck.code, 0, fsck.said)
  })
