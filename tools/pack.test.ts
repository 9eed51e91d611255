import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { silentLog } from '#kit/log.ts'
import { until } from '#testing/until.ts'
import { pack, toJavaScript } from './pack.ts'

const root = join(import.meta.dirname, '..')
const home = mkdtempSync(join(tmpdir(), 'devops-pack-'))
after(() => rmSync(home, { recursive: true }))

/** As npm lays it: below node_modules, where Node strips no types. */
const installed = join(home, 'node_modules/devo.ps')
pack(join(installed, 'dist'))
cpSync(join(root, 'bin/devops'), join(installed, 'bin/devops'))
symlinkSync(join(root, 'node_modules'), join(installed, 'node_modules'))
const env = { ...process.env, HOME: home, NODE_COMPILE_CACHE: '', XDG_CACHE_HOME: '' }
const devops = (...args: string[]) =>
  execFileSync(join(installed, 'bin/devops'), args, {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })

test('what is packed holds no TypeScript and no test', () => {
  const files = readdirSync(join(installed, 'dist'), { recursive: true }).map(String)
  assert.deepEqual(
    files.filter((path) => /\.ts$|\.test\.|(^|\/)testing(\/|$)/.test(path)),
    [],
  )
  assert.ok(existsSync(join(installed, 'dist/catalog/nginx/service.yml')))
})

test('imports of every form lead to JavaScript', () => {
  const text =
    "import a from '#bus'\nexport { b } from './b.ts'\nconst c = await import('../kit/c.ts')\nimport d from 'yaml'\n"
  assert.equal(
    toJavaScript('src/cli/x.ts', text),
    "import a from '../bus/index.js'\nexport { b } from './b.js'\nconst c = await import('../kit/c.js')\nimport d from 'yaml'\n",
  )
})

test('the packed command line reads the catalog and judges a repository', () => {
  assert.match(devops('--help'), /^Usage: devops/)
  assert.match(devops('--version'), /^\d+\.\d+\.\d+\n$/)
  assert.match(devops('validate', join(root, 'examples/stack')), /No findings/)
})

test('the packed platform judges descriptors in a process of its own', async () => {
  const { Checkers } = (await import(join(installed, 'dist/src/services/git/checkers.js'))) as {
    Checkers: typeof import('#services/git/checkers.ts').Checkers
  }
  const parts = { catalog: [], limits: { judge: 60_000, memory: 256 }, log: silentLog }
  await using checkers = new Checkers(parts)
  const files = [{ path: 'nodes/web.yml', content: 'id: web\ntype: server\nprovider: { name: docker }\n' }]
  const { infrastructure, findings } = await checkers.check('ann/shop', files, {})
  assert.deepEqual(findings, [])
  assert.deepEqual(
    infrastructure.nodes.map(({ id }) => id),
    ['web'],
  )
})

test('the packed platform starts, and ends at SIGTERM', async () => {
  const args = ['server', '--data', join(home, 'data'), '--port', '0', '--ssh-port', '0', '--git-port', '0']
  const server = spawn(join(installed, 'bin/devops'), args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk) => (said += chunk))
  const ended = once(server, 'exit')
  await until(() => /^Git over HTTP /m.test(said) || server.exitCode !== null)
  assert.match(said, /^API .*http/m)
  server.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})
