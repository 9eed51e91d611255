import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { failOnLeaks } from '#testing/leaks.ts'
import { type Shop, startShop } from '#testing/shop.ts'

const run = promisify(execFile)
const program = join(import.meta.dirname, '../bin/devops.ts')
const bin = mkdtempSync(join(tmpdir(), 'devops-completion-'))
let shop: Shop
before(async () => {
  writeFileSync(join(bin, 'devops'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`)
  chmodSync(join(bin, 'devops'), 0o755)
  shop = await startShop()
  const { out } = await shop.devops(['completion', 'bash'])
  writeFileSync(join(bin, 'script'), out)
})
after(async () => {
  await shop[Symbol.asyncDispose]()
  rmSync(bin, { recursive: true })
})
failOnLeaks()

const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  PATH: `${bin}:${process.env.PATH}`,
  HOME: bin,
  DEVOPS_SERVER: shop.url,
  DEVOPS_TOKEN: shop.ann.token,
  ...more,
})

interface Completed {
  words: string[]
  /** Whatever was printed that a person at a prompt would see. */
  noise: string
}

/** What bash offers after the words, by the script that the program prints. */
async function inBash(words: string[], env = environment(), cwd = shop.folder): Promise<Completed> {
  const script = `source '${join(bin, 'script')}'
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_devops devops "\${COMP_WORDS[COMP_CWORD]}" || exit
printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr } = await run('bash', ['--norc', '-c', script, 'bash', 'devops', ...words], {
    env,
    cwd,
  })
  return { words: stdout.split('\n').filter(Boolean), noise: stderr }
}

const cases: [line: string, offers: () => string[]][] = [
  ['in', () => ['init', 'info']],
  ['list no', () => ['nodes']],
  ['info ', () => ['db', 'web']],
  ['info w', () => ['web']],
  ['--repo ann/shop info w', () => ['web']],
  ['sync w', () => ['web']],
  ['power web st', () => ['start', 'stop']],
  ['run ', () => ['deploy']],
  ['run deploy ', () => ['version=']],
  ['logs --task d', () => ['deploy']],
  ['logs --level w', () => ['warn']],
  ['logs --no', () => ['--node']],
  ['retry ', () => [shop.ids.ended, shop.ids.run]],
  ['var get c', () => ['color']],
  ['secret rotate ', () => ['token']],
  ['user disable b', () => ['bob']],
  ['collaborator remove ', () => ['bob']],
  ['token revoke ', () => [shop.ids.token, shop.ids.other]],
  ['token revoke --user ann ', () => [shop.ids.token, shop.ids.other]],
  ['webhook show ', () => [shop.ids.delivery]],
  ['webhook redeliver ', () => [shop.ids.delivery]],
  ['webhook deliveries ', () => ['deploy']],
  ['repo info ', () => ['ann/shop']],
  ['--repo ann/s', () => ['ann/shop']],
  ['help list no', () => ['nodes']],
  ['help lo', () => ['login', 'logout', 'logs']],
  ['completion z', () => ['zsh']],
  ['info web ', () => []],
  ['ssh web -- upt', () => []],
]

for (const [line, offers] of cases) {
  test(`bash completes \`devops ${line}\``, async () => {
    const { words, noise } = await inBash(line.split(' '))
    assert.equal(noise, '')
    // Runs that a webhook began are there, too.
    const found = line.startsWith('retry') ? words.filter((word) => offers().includes(word)) : words
    assert.deepEqual(found.toSorted(), offers().toSorted())
  })
}

test('every command is offered, and every option of one', async () => {
  const { words } = await inBash([''])
  for (const name of ['server', 'run', 'logs', 'completion', 'help']) assert.ok(words.includes(name), name)
  const options = (await inBash(['logs', '--'])).words
  for (const name of ['--follow', '--json', '--repo', '--help']) assert.ok(options.includes(name), name)
})

test('a platform that does not answer, a folder that is no clone, and nobody signed in are no error at the prompt', async () => {
  const nobody = { DEVOPS_TOKEN: '', DEVOPS_SERVER: '' }
  for (const [env, cwd] of [
    [environment({ DEVOPS_SERVER: 'http://127.0.0.1:9' }), shop.folder],
    [environment(nobody), shop.folder],
    [environment(), bin],
    [environment({ DEVOPS_TOKEN: 'devo_wrong' }), shop.folder],
  ] as const) {
    assert.deepEqual(await inBash(['info', 'w'], env, cwd), { words: [], noise: '' })
    assert.deepEqual((await inBash(['inf'], env, cwd)).words, ['info'])
  }
})

test('a platform that takes the connection and says nothing is not waited for', async () => {
  const held = new Set<Socket>()
  const silent = createServer((socket) => held.add(socket.on('error', () => {})))
  await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening))
  const { port } = silent.address() as AddressInfo
  const env = environment({ DEVOPS_SERVER: `http://127.0.0.1:${port}` })
  // It ends: nothing else would end the wait for an answer.
  assert.deepEqual(await inBash(['info', 'w'], env), { words: [], noise: '' })
  assert.ok(held.size > 0)
  for (const socket of held) socket.destroy()
  await new Promise((closed) => silent.close(closed))
})

test('what the platform names cannot run at the prompt', async () => {
  const { url, ann } = shop
  // A variable may have such a name nowhere; a hostile server may say so anyway.
  const answer = async (input: Request | URL | string) =>
    String(input instanceof Request ? input.url : input).endsWith('/variables')
      ? Response.json([{ name: 'x$(touch pwned)' }, { name: 'color' }])
      : fetch(input)
  const said = await shop.devops(['completion', 'bash', '--', '--repo', 'ann/shop', 'var', 'unset', ''], {
    env: { DEVOPS_SERVER: url, DEVOPS_TOKEN: ann.token },
    fetch: answer as typeof fetch,
  })
  assert.deepEqual(said, { code: 0, out: 'color\n', err: '' })
})

test('credentials are offered by name, those of another user after --user', async () => {
  const { url, ann } = shop
  // A platform keeps a credential only once its provider has taken it; there is no provider here.
  const answer = async (input: Request | URL | string) => {
    const path = String(input instanceof Request ? input.url : input)
    const owner = /\/v1\/users\/(\w+)\/credentials$/.exec(path)?.[1]
    return owner ? Response.json([{ name: `farm-of-${owner}`, provider: 'docker' }]) : fetch(input)
  }
  const offered = async (...words: string[]) => {
    const said = await shop.devops(['completion', 'bash', '--', ...words, ''], {
      env: { DEVOPS_SERVER: url, DEVOPS_TOKEN: ann.token },
      fetch: answer as typeof fetch,
    })
    return said.out
  }
  for (const words of [
    ['credential', 'check'],
    ['credential', 'unset'],
    ['list', 'offers', 'docker', '--credential'],
  ])
    assert.equal(await offered(...words), 'farm-of-ann\tdocker\n', words.join(' '))
  for (const user of [['--user', 'bob'], ['--user=bob']])
    assert.equal(await offered('credential', 'check', ...user), 'farm-of-bob\tdocker\n')
})

const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0

test('zsh takes the script and offers the same', {
  skip: !has('zsh') && 'zsh is not installed',
}, async () => {
  // What the widget would show is asked of the function that it calls.
  const script = `compdef() { :; }
_describe() { print -l -- \${(P)2} }
source <(devops completion zsh)
words=(devops info w); CURRENT=3
_devops`
  const env = environment()
  const { stdout, stderr } = await run('zsh', ['-f', '-c', script], { env, cwd: shop.folder })
  assert.equal(stderr, '')
  assert.match(stdout, /^web:/)
})

test('fish takes the script and offers the same', {
  skip: !has('fish') && 'fish is not installed',
}, async () => {
  const script = `devops completion fish | source; complete -C 'devops info w'`
  const env = environment()
  const { stdout } = await run('fish', ['--no-config', '-c', script], { env, cwd: shop.folder })
  assert.match(stdout, /^web\t/)
})
