import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { parse } from 'yaml'
import type { Bus } from '#bus'
import { silentLog } from '#kit/log.ts'
import { formatFindings, readCatalog } from '#language'
import { type Check, Checkers } from '#services/git/checkers.ts'
import { createGit } from '#services/git/git.ts'
import { createReader } from '#services/git/infrastructure.ts'
import { defaultLimits as limits } from '#services/git/limits.ts'
import { judgeFolder, rootOf, validateFolder } from '../bin/validate.ts'

const cases = join(import.meta.dirname, '../src/language/cases')
const catalog = readCatalog(join(cases, 'catalog'))
const home = mkdtempSync(join(tmpdir(), 'devops-validate-'))
after(() => rmSync(home, { recursive: true }))

const bus = { ask: async () => [] } as unknown as Bus
const git = createGit({ home, hooks: '/dev/null', limits })
const checkers = new Checkers({ catalog, limits, log: silentLog })
after(() => checkers[Symbol.asyncDispose]())
// Which variables, secrets and credentials there are is the one thing that a push knows and a folder does not.
const judge: Check = (repo, files) => checkers.check(repo, files, {})
const reader = createReader({ git, bus, judge, limits })

type Content = string | Buffer
const all = readdirSync(cases)
  .filter((name) => name.endsWith('.yml'))
  .flatMap(
    (name) =>
      parse(readFileSync(join(cases, name), 'utf8')) as { title: string; files: Record<string, Content> }[],
  )

const store = join(home, 'all.git')
execFileSync('git', ['init', '-q', '--bare', store])

function write(folder: string, files: Record<string, Content>): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  return folder
}

const offline = (folder: string) => formatFindings(judgeFolder(folder, catalog))
const pushed = async (commit: string) =>
  formatFindings((await reader.checkCommit('ann/site', { at: store }, commit)).findings)

/** Each case as a commit of its own branch, all in one stream: git-fast-import(1). */
function commitAll(): void {
  const data = (content: Content) => {
    const bytes = Buffer.from(content)
    return Buffer.concat([Buffer.from(`data ${bytes.length}\n`), bytes, Buffer.from('\n')])
  }
  const stream = all.flatMap(({ title, files }, i) => [
    Buffer.from(`commit refs/heads/${i}\ncommitter ann <ann@localhost> 0 +0000\n`),
    data(title),
    ...Object.entries(files).flatMap(([path, content]) => [
      Buffer.from(`M 100644 inline ${JSON.stringify(path)}\n`),
      data(content),
    ]),
  ])
  execFileSync('git', ['--git-dir', store, 'fast-import', '--quiet'], { input: Buffer.concat(stream) })
}

test('devops validate gives the answer of a push, byte for byte, in every case of the validator', async () => {
  assert.ok(all.length > 200)
  commitAll()
  for (const [i, { title, files }] of all.entries())
    assert.deepEqual(offline(write(join(home, String(i)), files)), await pushed(`refs/heads/${i}`), title)
})

test('so it does for links, programs, odd bytes, odd names and files beyond the limits', async () => {
  const node = 'id: web\ntype: server\nprovider: { name: docker }\n'
  const folder = write(join(home, 'odd'), {
    'nodes/web.yml': node,
    'nodes/a b/é.yml': 'id: [',
    'nodes/latin.yml': Buffer.from([0x69, 0x64, 0x3a, 0xe9]),
    'nodes/nul.yml': 'id: a\0b',
    'nodes/marked.yml': `\ufeff${node.replace('web', 'marked')}`,
    'scripts/big.sh': `#${'x'.repeat(limits.file)}`,
    'scripts/run.sh': 'true\r\n',
  })
  symlinkSync('web.yml', join(folder, 'nodes/link.yml'))
  symlinkSync('/etc', join(folder, 'tasks'))
  chmodSync(join(folder, 'scripts/run.sh'), 0o755)
  const git = (...args: string[]) =>
    execFileSync('git', ['--git-dir', store, '--work-tree', folder, ...args], { stdio: 'pipe' })
  git('add', '-A', '-f')
  git('-c', 'user.name=ann', '-c', 'user.email=ann@localhost', 'commit', '-q', '-m', 'odd')
  const said = await pushed('HEAD')
  assert.ok(said.length > 5)
  assert.deepEqual(offline(folder), said)
})

test('the root of the clone is judged from any folder below it, and where there is nothing no root is found', () => {
  const node = 'id: web\ntype: server\nprovider: { name: docker }\n'
  const clone = write(join(home, 'clone'), {
    '.git/HEAD': 'ref: refs/heads/main\n',
    'nodes/eu/tasks/web.yml': node,
    'docs/notes.md': 'x',
    'examples/shop/nodes/web.yml': node,
  })
  assert.equal(rootOf(clone), clone)
  assert.equal(rootOf(join(clone, 'nodes/eu')), clone)
  assert.equal(rootOf(join(clone, 'docs')), clone)
  assert.equal(rootOf(join(clone, 'examples/shop')), join(clone, 'examples/shop'))
  assert.equal(rootOf(join(clone, 'examples/shop/nodes')), join(clone, 'examples/shop'))
  const empty = write(join(home, 'empty'), { '.git/HEAD': 'x', 'docs/notes.md': 'x' })
  assert.deepEqual(validateFolder(join(empty, 'docs')), { root: undefined, findings: [] })
  assert.deepEqual(validateFolder(join(clone, 'nodes/eu/tasks')), { root: clone, findings: [] })
})

test('what devops init makes loses its server by removing the two files that the README names, and no other finding', () => {
  const folder = join(home, 'begun')
  const program = join(import.meta.dirname, '../bin/devops.ts')
  execFileSync(process.execPath, [program, 'init', folder], { stdio: 'ignore' })
  assert.deepEqual(validateFolder(folder).findings, [])
  rmSync(join(folder, 'nodes/web.yml'))
  rmSync(join(folder, 'tasks/hello.yml'))
  assert.deepEqual(validateFolder(folder).findings, [])
})
