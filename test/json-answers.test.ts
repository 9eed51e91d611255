import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Command } from 'commander'
import { failOnLeaks } from '#testing/leaks.ts'
import { type Said, type Shop, startShop } from '#testing/shop.ts'
import { commandTree } from '../src/cli/help.ts'

let shop: Shop
before(async () => {
  shop = await startShop()
})
after(() => shop[Symbol.asyncDispose]())
failOnLeaks()

const repo = ['--repo', 'ann/shop']

/**
 * A line of each command that succeeds, in an order in which they do. `refused`: there is no server here to act on, so
 * the answer is an error; the outcome itself is tested at the services.
 */
const lines: Record<string, string | { refused: string }> = {
  init: 'init made',
  validate: 'validate made',
  login: 'login --token {mine}',
  passwd: 'passwd --password-stdin',
  'list repos': 'list repos',
  'list nodes': 'list nodes',
  'list tasks': 'list tasks',
  'list runs': 'list runs',
  'list webhooks': 'list webhooks',
  'list crons': 'list crons',
  'list users': 'list users',
  'list offers': 'list offers ssh',
  info: 'info web',
  status: 'status',
  plan: 'plan --recorded',
  sync: 'sync db --no-wait',
  rollback: { refused: 'rollback --to abcd' },
  run: 'run deploy --no-wait',
  cancel: 'cancel {waiting}',
  retry: 'retry {ended} --no-wait',
  approve: { refused: 'approve {ended}' },
  refuse: { refused: 'refuse {ended}' },
  'webhook deliveries': 'webhook deliveries',
  'webhook show': 'webhook show {delivery}',
  'webhook redeliver': 'webhook redeliver {delivery}',
  logs: 'logs',
  'ssh-config': 'ssh-config',
  link: { refused: 'link web --host 127.0.0.1 --identity key --yes' },
  unlink: { refused: 'unlink web' },
  trust: { refused: `trust web SHA256:${'A'.repeat(43)}` },
  power: { refused: 'power web stop' },
  'var set': 'var set size 3',
  'var get': 'var get size',
  'var list': 'var list',
  'var history': 'var history size',
  'var used-by': 'var used-by size',
  'var unset': 'var unset size',
  'secret set': 'secret set other',
  'secret rotate': 'secret rotate token',
  'secret list': 'secret list',
  'secret history': 'secret history other',
  'secret unset': 'secret unset other',
  'password list': 'password list',
  'password rotate': { refused: 'password rotate passwords.shop' },
  'repo create': 'repo create blog',
  'repo list': 'repo list',
  'repo info': 'repo info ann/blog',
  'repo settings': 'repo settings',
  'repo delete': 'repo delete ann/blog',
  'collaborator add': 'collaborator add bob --role write',
  'collaborator list': 'collaborator list',
  'collaborator remove': 'collaborator remove bob',
  'key add': 'key add key.pub',
  'key list': 'key list',
  'key remove': 'key remove {key}',
  'token add': 'token add laptop',
  'token list': 'token list',
  'token revoke': 'token revoke {other}',
  'credential set': { refused: 'credential set farm --provider docker --field address=nonsense' },
  'credential list': 'credential list',
  'credential check': { refused: 'credential check farm' },
  'credential unset': { refused: 'credential unset farm' },
  'audit list': 'audit list',
  'audit verify': 'audit verify',
  'user add': 'user add eve',
  'user list': 'user list',
  'user disable': 'user disable eve',
  'user enable': 'user enable eve',
  'user password': 'user password eve --password-stdin',
  'user remove': 'user remove eve',
  logout: 'logout',
}

/** What they print is that of another program, or no answer. */
const without = ['server', 'ssh', 'completion']

const leaves = (command: Command): Command[] =>
  command.commands.length > 0 ? command.commands.flatMap(leaves) : [command]
const pathOf = (command: Command): string =>
  command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()
const offered = leaves(commandTree()).filter((command) => !without.includes(pathOf(command)))
// What is below `server` looks at an installation, not at a platform that runs: tested with one.
const paths = offered.map(pathOf).filter((path) => !path.startsWith('server '))

test('no command is forgotten in the table of answers as JSON', () => {
  assert.deepEqual(Object.keys(lines).toSorted(), paths.toSorted())
  for (const command of offered)
    assert.ok(
      command.options.some(({ long }) => long === '--json'),
      pathOf(command),
    )
})

const ofUsers = /^(user|key|token|credential|login|logout|passwd|init|validate|audit verify)\b/

async function say(path: string, line: string, json = ['--json']): Promise<Said> {
  const words = await Promise.all(line.split(' ').map(idOf))
  const input = path === 'passwd' ? 'correct horse\ncorrect battery' : 'correct horse'
  return shop.devops([...(ofUsers.test(path) ? [] : repo), ...words, ...json], { input })
}

async function idOf(word: string): Promise<string> {
  if (!word.startsWith('{')) return word
  if (word === '{mine}') return shop.ann.token
  if (word === '{waiting}') {
    const works = await shop.ann.api<{ id: string }[]>('GET', '/v1/repos/ann/shop/works?state=waiting')
    return works[0]?.id ?? ''
  }
  return shop.ids[word.slice(1, -1) as keyof Shop['ids']]
}

/** The one document that a text is, or those that are its lines. */
function documents(text: string): unknown[] {
  try {
    return [JSON.parse(text)]
  } catch {
    return text
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as unknown)
  }
}

const followers = ['logs']

for (const path of paths) {
  test(`devops ${path} --json prints JSON, and its errors as JSON`, async () => {
    const line = lines[path]
    if (line === undefined) return assert.fail('it has no line in the table of this test')
    const said = await say(path, typeof line === 'string' ? line : line.refused)
    const shown = `[${said.code}] ${said.out}\n${said.err}`
    if (typeof line === 'string') {
      assert.equal(said.code, 0, shown)
      assert.ok(followers.includes(path) || documents(said.out).length === 1, shown)
    } else {
      assert.notEqual(said.code, 0, shown)
      assert.equal(said.out, '')
      const [last] = documents(said.err).slice(-1) as [{ error: { message: string; exit: number } }]
      assert.equal(last.error.exit, said.code, shown)
      assert.ok(last.error.message.length > 5, shown)
    }
    for (const each of documents(said.err))
      assert.ok('note' in (each as object) || 'error' in (each as object), shown)
  })
}

test('a wrong option is refused as JSON, too, and what stands after -- is not looked at', async () => {
  const said = await shop.devops(['list', 'nods', '--json'])
  assert.deepEqual(JSON.parse(said.err), {
    error: {
      message: 'There is no command `devops list nods`, did you mean `devops list nodes`?',
      next: '`devops list --help` shows what there is.',
      exit: 2,
    },
  })
  const text = await shop.devops(['list', 'nods', '--', '--json'])
  assert.match(text.err, /^error: There is no command/)
})

test('a followed run prints its lines and then itself, a JSON object a line', async () => {
  const said = await shop.devops([...repo, 'run', 'deploy', '--json'])
  assert.equal(said.code, 1)
  const all = documents(said.out) as { seq?: number; kind?: string; state?: string }[]
  assert.ok(all.length > 1 && all.slice(0, -1).every(({ seq }) => seq !== undefined), said.out)
  assert.deepEqual([all.at(-1)?.kind, all.at(-1)?.state], ['run', 'failed'])
})

test('a followed sync that is left with Ctrl-C prints itself as it is, and notes as JSON that it goes on', async () => {
  let interrupt = () => {}
  let err = ''
  const said = await shop.devops([...repo, 'sync', 'web', '--json'], {
    onInterrupt(act) {
      interrupt = act
      return () => {}
    },
    stderr: {
      write(text: string) {
        err += text
        // It says what the sync waits for: nobody has linked the node.
        interrupt()
      },
    },
  })
  assert.equal(said.code, 130)
  const all = documents(said.out) as { kind?: string; state?: string }[]
  assert.deepEqual([all.at(-1)?.kind, all.at(-1)?.state], ['sync', 'waiting'])
  assert.ok(documents(err).some((each) => (each as { note: string }).note.startsWith('The sync goes on.')))
})
