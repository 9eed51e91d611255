import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lfsPointerFindings } from './lfs-pointers.ts'

const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n'
const base64 = (text: string) => Buffer.from(text).toString('base64')

test('a pointer of Git LFS is found wherever a file of a repository can be', () => {
  const files = [
    { path: 'scripts/a.sh', content: pointer },
    { path: 'services/web/templates/site.conf', content: pointer },
    { path: 'services/web/files/logo.png', content: base64(pointer) },
    { path: 'nodes/web.yml', content: pointer },
  ]
  const found = lfsPointerFindings(files, false)
  assert.deepEqual(
    found.map(({ path, severity }) => [path, severity]),
    files.map(({ path }) => [path, 'error']),
  )
})

test('text and bytes that only speak of Git LFS are none, and an accepted commit stays readable', () => {
  const files = [
    { path: 'scripts/a.sh', content: `# ${pointer}` },
    { path: 'services/web/files/notes', content: base64(`see ${pointer}`) },
  ]
  assert.deepEqual(lfsPointerFindings(files, false), [])
  assert.equal(lfsPointerFindings([{ path: 'scripts/a.sh', content: pointer }], true)[0]?.severity, 'warning')
})
