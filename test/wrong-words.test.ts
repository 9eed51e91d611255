import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Command } from 'commander'
import { failOnLeaks } from '#testing/leaks.ts'
import { type Said, type Shop, startShop } from '#testing/shop.ts'
import { commandTree } from '../src/cli/help.ts'

let shop: Shop
before(async () => {
  shop = await startShop()
})
// Before the look for what is left open.
after(() => shop[Symbol.asyncDispose]())
failOnLeaks()

/** A word that is nearly right, and what the refusal says of it: the name, and the nearest or all that there are. */
interface Wrong {
  word: string | (() => string)
  says: RegExp
}

const there = (what: string, wrong: string, near: string, place = ''): Wrong => ({
  word: wrong,
  says: new RegExp(`There is no ${what} \`?${wrong}\`?${place}, did you mean ${near}\\?`),
})
const user = there('user', 'amn', 'ann')
const node = there('node', 'wep', 'web', ' in ann/shop')
const task = there('task', 'depoly', 'deploy', ' in ann/shop')
const repository = there('repository', 'ann/shpo', 'ann/shop')
const whole: Wrong = { word: 'ten', says: /is a (whole )?number[^\n]* not `ten`/ }
const moment: Wrong = { word: 'yesterdy', says: /`yesterdy`/ }
const misspelt = (id: () => string) => () => `${id().slice(0, -1)}${id().endsWith('z') ? 'y' : 'z'}`
const idOf = (what: string, id: () => string): Wrong => ({
  word: misspelt(id),
  says: new RegExp(`There is no ${what} \\S+ (in ann/shop|of ann), did you mean `),
})
const run = idOf('run', () => shop.ids.run)
const work = idOf('work', () => shop.ids.run)
const delivery = idOf('delivery', () => shop.ids.delivery)
const variable = there('variable', 'colur', 'color', ' in ann/shop')
const secret = there('secret', 'tokn', 'token', ' in ann/shop')
const provider: Wrong = { word: 'dockr', says: /provider "dockr", did you mean "docker"/ }
const badName = (what: string): Wrong => ({
  word: 'bad.name',
  says: new RegExp(`\`bad.name\` cannot be the name of a ${what}`),
})

/** By the place of a word, or else by its name alone. */
const wrongs: Record<string, Wrong> = {
  '--repo': repository,
  '--node': node,
  node,
  '--task': task,
  task,
  run,
  work,
  delivery,
  'logs run': idOf('work', () => shop.ids.run),
  '--work': work,
  'webhook deliveries path': there('webhook', 'depoly', 'deploy', ' in ann/shop'),
  'power act': there('act', 'stp', 'stop'),
  '--stream': there('stream', 'stdot', 'stdout'),
  '--level': there('level', 'wran', 'warn'),
  '--service': there('line of service', 'tsker', 'tasker'),
  '--since': moment,
  '--until': moment,
  '--step': whole,
  '--before': whole,
  '--limit': whole,
  '--count': whole,
  '--days': whole,
  '--role': there('role', 'wriet', 'write'),
  '--scope': there('scope', 'wriet', 'write'),
  'user disable name': user,
  'user enable name': user,
  'user password name': user,
  'user remove name': user,
  'user add name': badName('user'),
  'repo create name': badName('repository'),
  'repo settings name': there('setting', 'brnch', 'branch'),
  'repo settings value': { word: 'mian', says: /there is no branch mian; there is main/ },
  'collaborator add user': user,
  'collaborator remove user': there('collaborator', 'bbo', 'bob', ' on ann/shop'),
  '--user': user,
  '--actor': user,
  '--action': there('action', 'setVarable', 'setVariable', ' in the audit'),
  'audit verify --head': { word: '12:ab', says: /`12:ab` is no head/ },
  'var set name': { word: 'bad-name', says: /`bad-name=1` is no variable/ },
  'var get address': { word: 'colur', says: /unknown variable "colur", did you mean "color"/ },
  'var unset name': variable,
  'var history name': variable,
  'var used-by name': variable,
  'secret set name': badName('secret'),
  'secret rotate name': secret,
  'secret unset name': secret,
  'secret history name': secret,
  'password rotate address': { word: 'passwords.shp', says: /There is no password made for passwords.shp/ },
  'key remove fingerprint': idOf('key', () => shop.ids.key),
  'token revoke id': idOf('token', () => shop.ids.token),
  'trust fingerprint': { word: 'SHA256:short', says: /`SHA256:short` is no fingerprint/ },
  'credential set --provider': provider,
  'list offers provider': provider,
  'credential set --for': repository,
  'credential set name': { word: 'bad.name', says: /name: must be: letters, digits, - and _/ },
  'credential check name': { word: 'fram', says: /There is no credential fram of ann/ },
  'credential unset name': { word: 'fram', says: /There is no credential fram of ann/ },
  'list offers --credential': { word: 'fram', says: /ann has no credential fram/ },
  'credential set --field': { word: 'adress=x', says: /no field adress, it has address/ },
  'credential set --file': { word: 'ca=nowhere.pem', says: /There is no file \S+nowhere.pem/ },
  'repo info owner/name': repository,
  'repo delete owner/name': repository,
  'rollback repository': repository,
  'rollback --to': { word: 'HAED', says: /`HAED` is no commit/ },
  'rollback --destroy': { word: 'wep', says: /wep/ },
  'rollback --replace': { word: 'wep', says: /wep/ },
  'sync --plan': { word: '0v3k5m2q8x7c1d9e4fa', says: /There is no plan 0v3k5m2q8x7c1d9e4fa in ann\/shop/ },
  'run values': { word: 'versoin=1', says: /unknown input "versoin", did you mean "version"/ },
  'run --var': { word: 'versoin=1', says: /unknown input "versoin", did you mean "version"/ },
  'validate dir': { word: 'nowhere', says: /There is no folder \S+nowhere/ },
  'link --port': { word: 'ssh', says: /`ssh` is no port/ },
  'link --host-key': { word: 'SHA256:short', says: /`SHA256:short` is no fingerprint/ },
  '--identity': { word: 'nowhere', says: /There is no file \S+nowhere/ },
  '--file': { word: 'nowhere', says: /There is no file \S+nowhere/ },
  'key add file': { word: 'nowhere', says: /There is no file \S+nowhere/ },
  'login --server': { word: 'ftp://x', says: /`ftp:\/\/x` is no address of a server/ },
  'login --token': { word: 'secret', says: /a token begins with devo_/ },
  'completion shell': there('shell', 'bsh', 'bash'),
}

/** Any text is right in these places, or what is wrong with it is known only far away. */
const free: Record<string, string> = {
  'init dir': 'a folder that is made',
  'secret set value': 'the value',
  'secret rotate value': 'the value',
  'var set value': 'the value',
  'refuse --why': 'a sentence',
  'logs --grep': 'any text',
  'key add --title': 'any text',
  'token add title': 'any text',
  'user add --email': 'an address of the outer world',
  'ssh-config --known-hosts': 'a file that is written',
  'ssh command': 'what runs on the server',
  'ssh --user': 'who the server knows',
  'link --host': 'the outer world',
  'link --user': 'who the machine knows',
  'link --jump': 'the outer world, or a node',
  'login --user': 'a refusal must not tell whether there is such a user',
  'completion words': 'what a shell sends is never refused',
}

/** A line in which every word is right; of the words in <> one is put wrong at a time. */
const right: Record<string, string> = {
  node: 'web',
  task: 'deploy',
  act: 'stop',
  user: 'bob',
  provider: 'docker',
  dir: '.',
  fingerprint: `SHA256:${'A'.repeat(43)}`,
  title: 'laptop',
  shell: 'bash',
  address: 'color',
  'owner/name': 'ann/shop',
  'var set name': 'color',
  'var set value': '1',
  'secret rotate value': 'long enough',
  'secret set value': 'long enough',
  'secret set name': 'token',
  'secret rotate name': 'token',
  'repo settings name': 'branch',
  'key add file': 'key.pub',
}

/** Options that a line needs before the wrong word is looked at. */
const needs: Record<string, string[]> = {
  rollback: ['--to', 'abcd'],
  'credential set': ['--provider', 'docker', '--field', 'address=tcp://192.0.2.1:2376'],
  'logs run': ['--task', 'deploy'],
  link: ['--host', '192.0.2.1', '--yes', '--identity', 'key'],
  'user password': ['--password-stdin'],
}

/** Commands whose optional arguments are given, too, so that something else is wrong. */
const givenWhole = ['var set', 'key add']

interface Place {
  path: string
  /** `node`, `--level` */
  name: string
  line: () => string[]
}

const leaves = (command: Command): Command[] =>
  command.commands.length > 0 && command.name() !== 'server' ? command.commands.flatMap(leaves) : [command]

const pathOf = (command: Command): string =>
  command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()

const inRight = (path: string, name: string): string => right[`${path} ${name}`] ?? right[name] ?? 'color'
const wrongOf = (path: string, name: string) => wrongs[`${path} ${name}`] ?? wrongs[name]
const wordOf = ({ word }: Wrong): string => (typeof word === 'string' ? word : word())

/** Every argument and every option with a value, of every command but those of the machine itself. */
function places(): Place[] {
  return leaves(commandTree())
    .filter((command) => command.name() !== 'server')
    .flatMap((command) => {
      const path = pathOf(command)
      const args = command.registeredArguments
      const upTo = (end: number) => args.slice(0, end).map((each) => inRight(path, each.name()))
      const required = upTo(args.filter((each) => each.required || givenWhole.includes(path)).length)
      const more = needs[path] ?? []
      const words = (wrong: Wrong, at: number) => [
        ...path.split(' '),
        ...(needs[`${path} ${args[at]?.name()}`] ?? more),
        ...upTo(at),
        wordOf(wrong),
        ...args
          .slice(at + 1)
          .filter((each) => each.required || givenWhole.includes(path))
          .map((each) => inRight(path, each.name())),
      ]
      const ofArguments = args.map(
        (each, at): Place => ({
          path,
          name: each.name(),
          line: () => words(wrongOf(path, each.name()) as Wrong, at),
        }),
      )
      const ofOptions = command.options
        .filter(({ required: value }) => value)
        .map(({ long }): Place => {
          const name = long ?? ''
          const at = more.indexOf(name)
          const others = at < 0 ? more : more.toSpliced(at, 2)
          return {
            path,
            name,
            line: () => [
              ...path.split(' '),
              ...required,
              ...others,
              name,
              wordOf(wrongOf(path, name) as Wrong),
            ],
          }
        })
      return [...ofArguments, ...ofOptions]
    })
}

/** Lines that ask for a repository get that of the shop. */
const ofUsers = /^(user|key|token|credential|login|logout|passwd|init|validate|completion|audit verify)\b/

async function say(path: string, line: string[]): Promise<Said> {
  const repo = ofUsers.test(path) ? [] : ['--repo', 'ann/shop']
  return shop.devops([...repo, ...line], { input: 'correct horse battery\n' })
}

const shameful =
  /must match|\b(registry|profiles|tasker|git|shazam|logger|monitor)\.[a-z_]+\b|\.ts:\d|undefined|\[object|Something of ours/

test('no argument and no option of any command is forgotten in the table of wrong words', () => {
  const unknown = places().filter(({ path, name }) => !wrongOf(path, name) && !free[`${path} ${name}`])
  assert.deepEqual(
    unknown.map(({ path, name }) => `${path} ${name}`),
    [],
    'say in the tables of this test what a wrong word in these places is, or that there is none',
  )
})

for (const { path, name, line } of places()) {
  if (!wrongOf(path, name) || free[`${path} ${name}`]) continue
  test(`a wrong word as ${name} of devops ${path} is refused with its name and the nearest`, async () => {
    const words = line()
    const said = await say(path, words)
    const shown = `devops ${words.join(' ')}\n[${said.code}] ${said.out}${said.err}`
    assert.ok(said.code === 1 || said.code === 2, shown)
    assert.match(said.err, (wrongOf(path, name) as Wrong).says, shown)
    assert.doesNotMatch(said.err, shameful, shown)
    assert.equal(said.out, '', shown)
  })
}

const rubbish = ['we.b', 'wéb', '../web', 'a b', '%00', '-', 'x'.repeat(300)]

test('what can be no name at all is refused in words, in every place', async () => {
  for (const { path, name } of places()) {
    if (free[`${path} ${name}`] || name.startsWith('--') || !wrongOf(path, name)) continue
    for (const word of rubbish) {
      // A variable may have a name of any length.
      if (path === 'var set' && word.length > 100) continue
      const before = wrongs[`${path} ${name}`]
      wrongs[`${path} ${name}`] = { word, says: /./ }
      const words =
        places()
          .find((each) => each.path === path && each.name === name)
          ?.line() ?? []
      if (before) wrongs[`${path} ${name}`] = before
      else delete wrongs[`${path} ${name}`]
      const said = await say(path, words)
      const shown = `devops ${words.join(' ')}\n[${said.code}] ${said.out}${said.err}`
      assert.ok(said.code === 1 || said.code === 2, shown)
      assert.match(said.err, /^error: \S/, shown)
      assert.doesNotMatch(said.err, shameful, shown)
    }
  }
})

test('a word that is no command names the nearest, a task of that name, or the place where it is one', async () => {
  const cases: [string, RegExp][] = [
    [
      'depoly',
      /^error: There is no command `depoly`\.\n {2}There is a task deploy: `devops run deploy`\.\n$/,
    ],
    [
      'deploy',
      /^error: There is no command `deploy`\.\n {2}There is a task deploy: `devops run deploy`\.\n$/,
    ],
    ['lst', /^error: There is no command `lst`, did you mean `devops list`\?\n/],
    ['list nods', /^error: There is no command `devops list nods`, did you mean `devops list nodes`\?\n/],
    ['nodes', /^error: There is no command `nodes`\.\n {2}There is `devops list nodes`\.\n$/],
    ['help lst', /^error: There is no command `lst`, did you mean `devops list`\?\n/],
    ['help list nods', /did you mean `devops list nodes`\?\n/],
    ['list help nods', /did you mean `devops list nodes`\?\n/],
    ['info web --jsn', /^error: `devops info` has no option --jsn, did you mean --json\?\n/],
    ['info', /^error: `devops info` needs NODE\.\n/],
    ['info web db', /^error: `devops info` does not know what to do with db\.\n/],
    ['logs --node', /^error: --node <node> needs a value\.\n|needs a value/],
    ['rollback', /^error: `devops rollback` needs --to <commit>\.\n/],
  ]
  for (const [line, says] of cases) {
    const said = await shop.devops(['--repo', 'ann/shop', ...line.split(' ')])
    assert.deepEqual([said.code, said.out], [2, ''], `${line}\n${said.err}`)
    assert.match(said.err, says)
  }
  const help = await shop.devops(['help', 'list', 'nodes'])
  assert.deepEqual([help.code, help.err], [0, ''])
  assert.match(help.out, /^Usage: devops list nodes/)
})

test('a word that is no command is refused without a hint when the platform does not answer', async () => {
  const env = { DEVOPS_SERVER: 'http://127.0.0.1:9', DEVOPS_TOKEN: 'devo_x' }
  const said = await shop.devops(['--repo', 'ann/shop', 'depoly'], { env })
  assert.deepEqual(said, {
    code: 2,
    out: '',
    err: 'error: There is no command `depoly`.\n  `devops --help` shows what there is.\n',
  })
})

test('logs -f of a repository that is not there is refused to an administrator, not waited for', async () => {
  const said = await shop.devops(['logs', '-f', '--repo', 'ann/shpo'])
  assert.equal(said.code, 1)
  assert.match(said.err, /^error: There is no repository ann\/shpo, did you mean ann\/shop\?/)
})

test('a task that approval is required of, and that is not there, is noted with the nearest', async () => {
  const said = await shop.devops([
    'repo',
    'settings',
    'approval_required',
    'depoly,prod-*',
    '--repo',
    'ann/shop',
  ])
  assert.equal(said.code, 0)
  assert.equal(said.err, 'ann/shop has no task depoly yet, did you mean deploy?\n')
  await shop.devops(['repo', 'settings', 'approval_required', '', '--repo', 'ann/shop'])
})

test('a wrong word of a setting names the nearest', async () => {
  const settings = ['repo', 'settings', '--repo', 'ann/shop']
  const enumerated = await shop.devops([...settings, 'destroy', 'alow'])
  assert.match(enumerated.err, /field destroy: must be ask or allow, not alow: did you mean allow\?/)
  const number = await shop.devops([...settings, 'log_days', 'ten'])
  assert.match(number.err, /log_days is a whole number, not `ten`/)
})

test('every row of the table of exit codes in docs/cli.md is how a command ends', async () => {
  const docs = readFileSync(join(import.meta.dirname, '../docs/cli.md'), 'utf8')
  const rows = [...docs.matchAll(/^\| (\d+|other) +\| (.+?) +\|$/gm)].map(([, code = '']) => code)
  const repo = ['--repo', 'ann/shop']
  const ends: Record<string, () => Promise<Said>> = {
    '0': () => shop.devops([...repo, 'list', 'nodes']),
    '1': () => shop.devops([...repo, 'info', 'wep']),
    '2': () => shop.devops([...repo, 'power', 'web', 'stp']),
    '130': async () => {
      let interrupt = () => {}
      return shop.devops([...repo, 'sync', 'web'], {
        onInterrupt(act) {
          interrupt = act
          return () => {}
        },
        stderr: { write: () => interrupt() },
      })
    },
  }
  // How `ssh` ends is tested with a server that ssh can ask: src/cli/ssh.test.ts.
  assert.deepEqual(rows, [...Object.keys(ends), 'other'])
  for (const [code, act] of Object.entries(ends)) {
    const said = await act()
    assert.equal(String(said.code), code, said.out + said.err)
  }
})
