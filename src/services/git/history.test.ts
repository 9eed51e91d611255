import assert from 'node:assert/strict'
import { chmod, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isProblem } from '#kit/problem.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { node, open, startFixture } from './testing/fixture.ts'
import { make, repo } from './testing/made.ts'

failOnLeaks()

test('a tree tells what is a folder, a file, an executable or a link, with sizes, one folder at a time or all', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web'), 'scripts/go.sh': 'true\n', 'a b/ü': '' })
  await chmod(join(work.folder, 'scripts/go.sh'), 0o755)
  await symlink('scripts/go.sh', join(work.folder, 'link'))
  await work.commit({})
  await work.must('push', 'origin', 'main')
  const list = async (more: object = {}) =>
    (await fixture.bus.ask('git.tree', { repo, ...more })).entries.map(({ path, type, size }) => [
      path,
      type,
      size,
    ])
  assert.deepEqual(await list(), [
    ['a b', 'folder', 0],
    ['link', 'link', 13],
    ['nodes', 'folder', 0],
    ['scripts', 'folder', 0],
  ])
  assert.deepEqual(await list({ path: 'scripts' }), [['scripts/go.sh', 'executable', 5]])
  assert.equal((await list({ recursive: true })).length, 4)
  await assert.rejects(list({ path: 'nowhere' }), (error) => isProblem(error, 'not_found'))
})

test('a file of any bytes comes whole', async () => {
  await using fixture = await startFixture()
  const bytes = Buffer.from([0, 255, 1, 10, 13, 0])
  const content = bytes.toString('base64')
  await make(fixture, null, [
    { path: 'x.bin', content, encoding: 'base64' },
    { path: 'crlf.txt', content: '\ufeffa\r\n' },
  ])
  const { encoding, size, content: read } = await fixture.bus.ask('git.file', { repo, path: 'x.bin' })
  assert.deepEqual([encoding, size, read], ['base64', 6, content])
  const text = await fixture.bus.ask('git.file', { repo, path: 'crlf.txt' })
  assert.deepEqual([text.encoding, text.content], ['utf-8', '\ufeffa\r\n'])
})

test('history comes in pages that hold together while more is pushed, and of one path', async () => {
  await using fixture = await startFixture()
  let parent: string | null = null
  const ids: (string | null)[] = []
  for (let i = 0; i < 5; i++) {
    const path = i % 2 ? 'odd' : 'even'
    parent = (await make(fixture, parent, [{ path, content: String(i) }], { message: `change ${i}` })).commit
    ids.unshift(parent)
  }
  const page = (more: object) => fixture.bus.ask('git.log', { repo, limit: 2, ...more })
  const first = await page({})
  assert.deepEqual(
    [first.from, first.commits.map((one) => one.commit), first.more],
    [ids[0], ids.slice(0, 2), true],
  )
  assert.deepEqual(first.commits[0]?.parents, [ids[1]])
  await make(fixture, parent, [{ path: 'even', content: 'later' }])
  const second = await page({ commit: first.from, skip: 2 })
  assert.deepEqual(
    second.commits.map((one) => one.commit),
    ids.slice(2, 4),
  )
  const odd = await page({ path: 'odd', limit: 10 })
  assert.deepEqual([odd.commits.map((one) => one.message), odd.more], [['change 3', 'change 1'], false])
})

test('a diff tells what came, went, changed and moved, with patches of text and counts', async () => {
  await using fixture = await startFixture()
  const long = Array.from({ length: 20 }, (_, i) => `line ${i}\n`).join('')
  const first = await make(fixture, null, [
    { path: 'a', content: 'one\ntwo\n' },
    { path: 'gone', content: 'x\n' },
    { path: 'old name', content: long },
    { path: 'bin', content: 'AAECAw==', encoding: 'base64' },
  ])
  const second = await make(fixture, first.commit, [
    { path: 'a', content: 'one\ndiff --git a/x b/x\n' },
    { path: 'gone', delete: true },
    { path: 'old name', delete: true },
    { path: 'new name', content: `${long}end\n` },
    { path: 'bin', content: 'AAEC/w==', encoding: 'base64' },
    { path: 'fresh', content: 'y\n' },
  ])
  const to = second.commit ?? ''
  const diff = await fixture.bus.ask('git.diff', { repo, to })
  assert.deepEqual([diff.from, diff.cut], [first.commit, false])
  assert.deepEqual(
    diff.files.map(({ path, from, status, added, removed }) => [path, from, status, added, removed]),
    [
      ['a', null, 'changed', 1, 1],
      ['bin', null, 'changed', null, null],
      ['fresh', null, 'added', 1, 0],
      ['gone', null, 'deleted', 0, 1],
      ['new name', 'old name', 'moved', 1, 0],
    ],
  )
  assert.equal(diff.files[0]?.patch, '@@ -1,2 +1,2 @@\n one\n-two\n+diff --git a/x b/x\n')
  assert.equal(diff.files[1]?.patch, null)
  assert.match(diff.files[4]?.patch ?? '', /^@@ .*\n.*\+end\n$/s)
  const root = await fixture.bus.ask('git.diff', { repo, to: first.commit ?? '', path: 'gone' })
  assert.deepEqual([root.from, root.files.map(({ status }) => status)], [null, ['added']])
  const back = await fixture.bus.ask('git.diff', { repo, from: to, to: first.commit ?? '', path: 'gone' })
  assert.deepEqual(back.files[0]?.status, 'added')
})

test('blame names the commit of each line', async () => {
  await using fixture = await startFixture()
  const one = await make(fixture, null, [{ path: 'a', content: '1\n2\n3\n' }], { message: 'first' })
  const two = await make(fixture, one.commit, [{ path: 'a', content: '1\nzwei\n3\n' }], { message: 'second' })
  const { parts } = await fixture.bus.ask('git.blame', { repo, path: 'a' })
  assert.deepEqual(
    parts.map(({ commit, author, summary, line, lines }) => [commit, author, summary, line, lines]),
    [
      [one.commit, 'ann <ann>', 'first', 1, ['1']],
      [two.commit, 'ann <ann>', 'second', 2, ['zwei']],
      [one.commit, 'ann <ann>', 'first', 3, ['3']],
    ],
  )
})
