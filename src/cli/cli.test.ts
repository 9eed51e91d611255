import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { ANN, AT, COMMIT, startTestApi, type TestApi } from '#services/api/testing/platform.ts'
import { newWork } from '#services/api/testing/tasker.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { until } from '#testing/until.ts'
import { type Io, runCli } from './index.ts'

process.env.TZ = 'UTC'
failOnLeaks()

const home = mkdtempSync(join(tmpdir(), 'devops-cli-'))
after(() => rmSync(home, { recursive: true }))

interface Ran {
  code: number
  out: string
  err: string
}

interface Given extends Partial<Omit<Io, 'stdin'>> {
  input?: string
  /** Sees what is printed as it is printed. */
  onOut?: (all: string) => void
}

async function run(
  url: string,
  line: string | string[],
  { input = '', onOut, ...given }: Given = {},
): Promise<Ran> {
  let out = ''
  let err = ''
  const io: Io = {
    stdout: {
      write(text) {
        out += text
        onOut?.(out)
      },
    },
    stderr: {
      write(text) {
        err += text
      },
    },
    stdin: Readable.from(input === '' ? [] : [input]),
    env: { DEVOPS_SERVER: url, DEVOPS_TOKEN: ANN },
    home,
    cwd: home,
    now: () => AT + 65_000,
    onInterrupt: () => () => {},
    ...given,
  }
  const code = await runCli(typeof line === 'string' ? line.split(' ') : line, io)
  return { code, out, err }
}

const status = {
  repo: 'ann/shop',
  node: 'web',
  commit: COMMIT,
  waits_for: null,
  drift: null,
  work: 'w1',
  changed_at: AT,
}

function withWeb(api: TestApi): void {
  api.world.statuses = [{ ...status, status: 'synced', error: null }]
  api.world.records = [
    {
      repo: 'ann/shop',
      node: 'web',
      server: {
        provider: 'docker',
        id: 'c1',
        host: '192.0.2.1',
        port: 22,
        user: 'root',
        host_keys: ['SHA256:abc'],
        made_from: {},
      },
      facts: { ip: '192.0.2.1' },
      applied: { commit: COMMIT, at: AT, work: 'w1', manifest: [] },
      created_at: AT,
    },
  ]
}

test('login checks the token and keeps it where only its owner can read it; logout forgets it', async () => {
  await using api = await startTestApi()
  const env = { XDG_CONFIG_HOME: join(home, 'config') }
  const before = await run(api.url, 'list repos', { env })
  assert.deepEqual(before, {
    code: 1,
    out: '',
    err: 'error: You are not signed in to http://127.0.0.1:7780.\n  Type `devops login --server http://127.0.0.1:7780`.\n',
  })
  const wrong = await run(api.url, `login --server ${api.url} --token devo_no`, { env })
  assert.deepEqual(wrong, {
    code: 1,
    out: '',
    err: 'error: Nobody is signed in: the token is unknown or expired\n  Sign in with `devops login`, or send a token.\n',
  })
  const asked = await run(api.url, 'login', { env, input: `${api.url}\n${ANN}\n` })
  assert.deepEqual(asked, {
    code: 0,
    out: `Signed in to ${api.url} as ann.\n`,
    err: 'Server [http://127.0.0.1:7780]: \nToken: \n',
  })
  const file = join(home, 'config/devops/config.json')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { server: api.url, token: ANN })
  const repos = await run(api.url, 'list repos', { env })
  assert.equal(
    repos.out,
    'REPO      ROLE   BRANCH  COMMIT\nann/shop  owner  main    3f2a1c0\nbob/blog  write  main    3f2a1c0\n',
  )
  assert.equal((await run(api.url, 'logout', { env })).out, 'Signed out.\n')
  assert.equal((await run(api.url, 'list repos', { env })).code, 1)
})

test('a saved token is not sent to another server that the environment names', async () => {
  await using api = await startTestApi()
  const env = { XDG_CONFIG_HOME: join(home, 'config2') }
  await run(api.url, `login --server ${api.url} --token ${ANN}`, { env })
  const { err } = await run(api.url, 'list repos', { env: { ...env, DEVOPS_SERVER: 'http://127.0.0.1:9' } })
  assert.match(err, /^error: You are not signed in to http:\/\/127.0.0.1:9\.\n/)
})

test('a password on stdin signs in', async () => {
  await using api = await startTestApi()
  const env = { XDG_CONFIG_HOME: join(home, 'config3'), DEVOPS_SERVER: api.url }
  const { code, out } = await run(api.url, 'login --user ann --password-stdin', {
    env,
    input: 'correct horse\n',
  })
  assert.deepEqual([code, out], [0, `Signed in to ${api.url} as ann.\n`])
})

test('a server that is not there is named, with how to start it', async () => {
  assert.deepEqual(await run('http://127.0.0.1:9', 'list repos'), {
    code: 1,
    out: '',
    err:
      'error: http://127.0.0.1:9 does not answer: bad port.\n' +
      '  Start a server with `devops server`, or name another with `devops login --server URL` or DEVOPS_SERVER.\n',
  })
  const { err } = await run('http://127.0.0.1:65000', 'list repos')
  assert.match(err, /^error: http:\/\/127.0.0.1:65000 does not answer: connect ECONNREFUSED/)
})

test('wrong words end with 2 and the nearest right one', async () => {
  await using api = await startTestApi()
  const unknown = await run(api.url, 'lst')
  assert.equal(unknown.code, 2)
  assert.match(unknown.err, /^error: There is no command `lst`, did you mean `devops list`\?\n/)
  const noun = await run(api.url, 'list nods')
  assert.equal(noun.code, 2)
  assert.match(noun.err, /did you mean `devops list nodes`\?/)
  assert.equal((await run(api.url, 'info')).code, 2)
  assert.equal((await run(api.url, 'list nodes --repo nonsense')).code, 2)
})

test('nodes are listed with --repo in any place, and from the remote of the folder', async () => {
  await using api = await startTestApi()
  withWeb(api)
  const expected =
    'NODE  STATUS  HEALTH   IP         COMMIT   CHANGED    NOTE\n' +
    'web   synced  unknown  192.0.2.1  3f2a1c0  1 min ago\n'
  for (const line of [
    'list --repo ann/shop nodes',
    'list nodes --repo=ann/shop',
    '--repo ann/shop list nodes',
  ])
    assert.deepEqual(await run(api.url, line), { code: 0, out: expected, err: '' })
  const cwd = join(home, 'clone')
  mkdirSync(cwd)
  execFileSync('git', ['init', '-q'], { cwd })
  execFileSync('git', ['remote', 'add', 'origin', 'ssh://git@127.0.0.1:7722/ann/shop.git'], { cwd })
  assert.equal((await run(api.url, 'list nodes', { cwd })).out, expected)
  assert.deepEqual(await run(api.url, 'list nodes'), {
    code: 2,
    out: '',
    err:
      'error: Which repository is meant? This folder is no clone of one.\n' +
      '  Name it with `--repo OWNER/NAME`, or go to a folder that is a clone.\n',
  })
  const json = JSON.parse((await run(api.url, 'list nodes --json --repo ann/shop')).out)
  assert.equal(json[0].status.status, 'synced')
})

test('colours come on a terminal only, and not with NO_COLOR; text of a node cannot move the cursor', async () => {
  await using api = await startTestApi()
  withWeb(api)
  api.world.statuses = [{ ...status, status: 'out of sync', error: 'bad \x1b[2J\r\n news' }]
  const terminal = (env: NodeJS.ProcessEnv) => {
    let out = ''
    const stdout = { isTTY: true, write: (text: string) => (out += text) }
    return run(api.url, 'list nodes --repo ann/shop', {
      stdout,
      env: { DEVOPS_SERVER: api.url, DEVOPS_TOKEN: ANN, ...env },
    }).then(() => out)
  }
  const painted = await terminal({})
  assert.ok(painted.includes('web   \x1b[31mout of sync\x1b[0m '), painted)
  assert.ok(painted.endsWith('bad \\x1b[2J\\x0d\\x0a news\n'), painted)
  assert.ok(!(await terminal({ NO_COLOR: '1' })).includes('\x1b'))
})

test('info tells what is known of a node, with the versions that are there', async () => {
  await using api = await startTestApi()
  withWeb(api)
  for (const record of api.world.records)
    Object.assign(record.facts, {
      os: { id: 'debian', version: '12', codename: 'bookworm', name: 'Debian GNU/Linux 12' },
      kernel: '6.1.0',
      architecture: 'x86_64',
      cpu: { count: 2, model: 'Some\x1b[2J CPU' },
      memory: { total: 2_062_000_000, swap: 0 },
      disks: [{ name: 'vda', size: 21_474_836_480 }],
      filesystems: 'of another time',
      addresses: ['192.0.2.1', '2001:db8::1'],
      virtualization: 'kvm',
      reboot: { required: true, packages: ['linux-image-amd64'] },
      newer: [1],
      services: { nginx: { version: '1.22.1', modules: 'http' } },
    })
  const { out } = await run(api.url, 'info web --repo ann/shop')
  assert.equal(
    out,
    `node:            web
name:            First
status:          synced, 1 min ago
health:          unknown
ip:              192.0.2.1
provider:        docker
server:          c1, root@192.0.2.1:22
host keys:       SHA256:abc
applied:         3f2a1c0, 0 resources, 1 min ago
services:        nginx 1.22.1
os:              Debian GNU/Linux 12
kernel:          6.1.0, x86_64
cpu:             2 x Some\\x1b[2J CPU
memory:          1.9 GiB, swap 0 bytes
disks:           vda 20 GiB
addresses:       192.0.2.1, 2001:db8::1
virtualization:  kvm
reboot:          required, for linux-image-amd64
newer:           [1]
nginx modules:   http
`,
  )
})

test('a sync is followed to its end: lines, what it waits for, outcome and exit code', async () => {
  await using api = await startTestApi()
  api.say({ text: 'before', work: 'w0' })
  api.world.works = [newWork('w1', { state: 'waiting', waits_for: 'waits for node web: run of deploy, 3 s' })]
  const going = run(api.url, 'sync web --repo ann/shop', {
    onOut: (all) => {
      if (all.includes('second'))
        api.world.works = [newWork('w1', { state: 'succeeded', ended_at: AT + 3200 })]
    },
  })
  await until(() => api.world.asked.some(({ name }) => name === 'tasker.sync'))
  api.say({ text: 'first\x07', work: 'w1', node: 'web' })
  api.say({ text: 'of another', work: 'w9', node: 'db' })
  api.say({ text: 'second', work: 'w1', node: 'web' })
  assert.deepEqual(await going, {
    code: 0,
    out: '12:00:00 web  first\\x07\n12:00:00 web  second\nsync of web succeeded in 3.2 s\n',
    err: 'waits for node web: run of deploy, 3 s\n',
  })
})

test('a run that fails ends with 1 and its reason; variables travel as JSON or text', async () => {
  await using api = await startTestApi()
  const ended = {
    kind: 'run',
    task: 'deploy',
    state: 'failed',
    error: 'step 1 on web exited with 3',
    ended_at: AT + 50,
  } as const
  api.world.runs = [{ ...newWork('r1', ended), consent: null, steps: [] }]
  const { code, out } = await run(
    api.url,
    'run deploy --repo ann/shop --var version=1.4 --var name=x=y --var dry=true',
  )
  assert.deepEqual([code, out], [1, 'run r1 of deploy failed in 50 ms: step 1 on web exited with 3\n'])
  const [asked] = api.world.asked.filter(({ name }) => name === 'tasker.start_run')
  assert.deepEqual(asked?.input, {
    repo: 'ann/shop',
    task: 'deploy',
    vars: { version: 1.4, name: 'x=y', dry: true },
    by: 'ann',
  })
  const wrong = await run(api.url, 'run deploy --repo ann/shop --var oops')
  assert.deepEqual(
    [wrong.code, wrong.err],
    [2, 'error: `oops` is no variable.\n  Write it as NAME=VALUE: `--var version=1.4`.\n'],
  )
})

test('a run is followed over a restart of the platform to its end, and its outcome is the exit code', async () => {
  const before = await startTestApi()
  const going = { ...newWork('r1', { kind: 'run', task: 'deploy' }), consent: null, steps: [] }
  before.world.runs = [going]
  const port = Number(new URL(before.url).port)
  const ran = run(before.url, 'run deploy --repo ann/shop')
  await until(() => before.world.asked.some(({ name }) => name === 'tasker.get_work'))
  await before[Symbol.asyncDispose]()
  await using api = await startTestApi({ port })
  const ended = { state: 'failed', error: 'step 1 on web exited with 3', ended_at: AT + 50 } as const
  api.world.runs = [{ ...going, ...ended }]
  const { code, out } = await ran
  assert.deepEqual([code, out], [1, 'run r1 of deploy failed in 50 ms: step 1 on web exited with 3\n'])
})

test('Ctrl-C while following leaves the run going and says so', async () => {
  await using api = await startTestApi()
  api.world.runs = [{ ...newWork('r1', { kind: 'run', task: 'deploy' }), consent: null, steps: [] }]
  let interrupt = () => {}
  const onInterrupt = (act: () => void) => {
    interrupt = act
    return () => {}
  }
  const going = run(api.url, 'run deploy --repo ann/shop', {
    onInterrupt,
    onOut: (all) => all.includes('hi') && interrupt(),
  })
  await until(() => api.world.asked.some(({ name }) => name === 'tasker.start_run'))
  api.say({ text: 'hi', work: 'r1', node: 'web' })
  assert.deepEqual(await going, {
    code: 130,
    out: '12:00:00 web  hi\nrun r1 of deploy is running\n',
    err: 'The run goes on. See it with `devops logs -f --work r1`, end it with `devops cancel r1`.\n',
  })
  assert.ok(!api.world.asked.some(({ name }) => name === 'tasker.cancel'))
})

test('logs with words that contradict each other, or are no such thing, are refused before anything is asked', async () => {
  await using api = await startTestApi()
  for (const [line, said] of [
    ['--level loud', 'There is no level `loud`.\n  There are: debug, info, warn, error.'],
    ['--step 0', '--step is a number from 1 on, not `0`.'],
    ['--since soon', '--since is a time ago such as 15m'],
    ['--all --before 7', '--all gives every line'],
    ['-f --until 1h', '--follow goes on with new lines'],
    ['--platform --node web', '--platform shows lines of devo.ps itself'],
  ] as const) {
    const { code, err } = await run(api.url, `logs ${line} --repo ann/shop`)
    assert.equal(code, 2)
    assert.ok(err.includes(said), err)
  }
  assert.deepEqual(api.world.asked, [])
})

test('logs shows the newest lines, and -f goes on', async () => {
  await using api = await startTestApi()
  for (const text of ['a', 'b']) api.say({ text, node: 'web' })
  const shown = await run(api.url, 'logs --node web --limit 1 --repo ann/shop')
  assert.deepEqual(shown, { code: 0, out: '12:00:00 web  b\n', err: '' })
  let interrupt = () => {}
  const onInterrupt = (act: () => void) => {
    interrupt = act
    return () => {}
  }
  const onOut = (all: string) => {
    if (all.includes('c\n')) interrupt()
    else if (all.includes('b\n') && api.world.lines.length === 2) api.say({ text: 'c', node: 'web' })
  }
  const followed = await run(api.url, 'logs -f --node web --repo ann/shop', { onInterrupt, onOut })
  assert.equal(followed.out, '12:00:00 web  a\n12:00:00 web  b\n12:00:00 web  c\n')
  const none = await run(api.url, 'logs --task deploy --repo ann/shop')
  assert.equal(none.err, 'error: Task deploy has not run yet.\n  Start it with `devops run deploy`.\n')
})

test('a plan with a node that could not be looked at says so, and offers nothing to hold on to', async () => {
  await using api = await startTestApi()
  const reason = 'Node web cannot be reached: it is off'
  api.world.plans = [{ node: 'web', verdict: 'unknown', reason, as_of: AT, changes: [] }]
  assert.deepEqual(await run(api.url, 'plan web --repo ann/shop'), {
    code: 0,
    out: `web: unknown (${reason}), last synced 1 min ago\n`,
    err: '\nPlan p1 of commit 3f2a1c0, digest dddddddddddd. It promises nothing: web could not be looked at.\n',
  })
})

test('plan shows what would change and counts what stays', async () => {
  await using api = await startTestApi()
  api.world.plans = [
    {
      node: 'web',
      verdict: 'change',
      as_of: AT,
      changes: [
        { resource: 'file:/etc/motd', verdict: 'change', summary: 'new content', diff: '-old\n+new\n' },
        { resource: 'package:nginx', verdict: 'no change', summary: '' },
        { resource: 'command:x', verdict: 'unknown until it runs', summary: 'runs' },
      ],
    },
  ]
  const { out, err } = await run(api.url, 'plan web --repo ann/shop')
  assert.equal(
    out,
    'web: change, as of 1 min ago\n' +
      '  file:/etc/motd  new content\n      -old\n      +new\n' +
      '  command:x  unknown until it runs: runs\n' +
      '  1 resource stays as it is\n',
  )
  assert.deepEqual(api.world.asked.at(-1)?.input, { repo: 'ann/shop', node: 'web', by: 'ann' })
  assert.equal(
    err,
    '\nPlan p1 of commit 3f2a1c0, digest dddddddddddd. Do this and nothing else, within a day: `devops sync --plan p1`.\n',
  )
  const recorded = await run(api.url, 'plan --recorded --repo ann/shop')
  assert.equal(recorded.out, out)
  assert.equal(recorded.err, '')
  assert.deepEqual(api.world.asked.at(-1)?.input, { repo: 'ann/shop', live: false })
})

test('a sync by a plan says what moved when it does not hold any more', async () => {
  await using api = await startTestApi()
  api.world.works = [newWork('w1', { state: 'succeeded', ended_at: AT + 5000 })]
  const done = await run(api.url, 'sync --plan p1 --repo ann/shop')
  assert.equal(done.out, 'sync of web succeeded in 5.0 s\n')
  const moved = await run(api.url, 'sync --plan p2 --repo ann/shop')
  assert.equal(moved.code, 1)
  assert.equal(
    moved.err,
    'error: Plan p2 does not hold any more: web: it has moved\n  Look anew with `devops plan`.\n',
  )
  const both = await run(api.url, 'sync web --plan p1 --repo ann/shop')
  assert.equal(both.code, 2)
  assert.match(both.err, /leave out the node, or --plan/)
})

test('people, keys, tokens and variables are kept by the commands of their names', async () => {
  await using api = await startTestApi()
  writeFileSync(join(home, 'key.pub'), 'ssh-ed25519 AAAA ann\n')
  writeFileSync(join(home, 'key'), `-----BEGIN OPENSSH ${'PRIVATE'} KEY-----\n`)
  const lines: [string, number, string][] = [
    ['key add key.pub', 0, 'Added SHA256:a/b+c (laptop) for ann.\n'],
    [
      'key add key',
      2,
      'error: That is a private key: it must not leave this machine.\n  Give the file that ends in .pub.\n',
    ],
    [
      'key add none.pub',
      2,
      `error: There is no file ${home}/none.pub.\n  Name a file that is there and that you may read.\n`,
    ],
    [
      'key list',
      0,
      'FINGERPRINT   TYPE         TITLE   ADDED\nSHA256:a/b+c  ssh-ed25519  laptop  1 min ago\n',
    ],
    ['key remove SHA256:a/b+c', 0, 'Removed SHA256:a/b+c.\n'],
    ['token add ci --days 3', 0, 'devo_ann\n'],
    ['token revoke t1', 0, 'Revoked t1.\n'],
    ['user add bob', 1, 'error: ann may not user.write\n  Ask an administrator of the platform.\n'],
    ['repo create shop', 0, 'Made ann/shop. Servers follow its branch main.\n'],
    [
      'repo delete ann/shop',
      1,
      'error: The repository has nodes on record\n  Look at the present state and try again.\n',
    ],
    ['repo settings destroy --repo ann/shop', 0, 'ask\n'],
    ['repo settings heal true --repo ann/shop', 0, 'heal of ann/shop is true.\n'],
    ['repo settings log_days 7 --repo ann/shop', 0, 'log_days of ann/shop is 7.\n'],
    [
      'repo settings destroy maybe --repo ann/shop',
      1,
      'error: The request does not fit: field destroy: must be ask or allow\n  Correct the named field.\n',
    ],
    ['collaborator add bob --role write --repo ann/shop', 0, 'bob shares ann/shop with role write.\n'],
    [
      'collaborator add bob --role king --repo ann/shop',
      2,
      'error: There is no role `king`.\n  There are: read, write, admin.\n',
    ],
    ['collaborator list --repo ann/shop', 0, 'USER  ROLE\nbob   write\n'],
    ['var set --repo ann/shop version=1.4', 0, 'Set version of ann/shop: 1.4, a number.\n'],
    ['var set --repo ann/shop --string version=1.10', 0, 'Set version of ann/shop: "1.10", text.\n'],
    ['var set --repo ann/shop --node web a=b', 0, 'Set a of node:web: "b", text.\n'],
    ['var set --repo ann/shop ports=[80,{a:b}]', 0, 'Set ports of ann/shop: [80,{"a:b":null}], a list.\n'],
    ['var set --repo ann/shop on=true', 0, 'Set on of ann/shop: true, a boolean.\n'],
    [
      'var set --repo ann/shop --json on=yes',
      2,
      `{"error":{"message":"\`yes\` is no JSON: Unexpected token 'y', \\"yes\\" is not valid JSON","next":"Leave --json out for plain text.","exit":2}}\n`,
    ],
    ['var get --repo ann/shop --node web color', 0, 'red\n'],
    ['var get --repo ann/shop web.vars.ports', 0, '[80,443]\n'],
    [
      'var history --repo ann/shop version',
      0,
      'VALUE      SET        BY   FROM\n(removed)  1 min ago  ann  hand\n"1.4"      1 min ago  ann  commit 3f2a1c0\n',
    ],
    ['var unset --repo ann/shop a', 0, 'Removed a of ann/shop.\n'],
    ['var list --repo ann/shop --json', 0, '[]\n'],
    ['var used-by version --repo ann/shop', 0, 'NODE\ndb\nweb\n'],
    ['var used-by vars.version --repo ann/shop', 0, 'NODE\nweb\n'],
    ['secret list --repo ann/shop', 0, 'SECRET  VERSION  SET        BY\ntoken   2        1 min ago  ann\n'],
    ['secret unset token --repo ann/shop', 0, 'Removed secret token of ann/shop.\n'],
    [
      'secret history token --repo ann/shop',
      0,
      'VERSION  WHAT     WHEN       BY\n2        rotated  1 min ago  ann\n',
    ],
    [
      'password list --repo ann/shop',
      0,
      'ADDRESS         VERSION  MADE       BY\npasswords.shop  2        1 min ago  ann\n',
    ],
    [
      'password rotate passwords.shop --repo ann/shop',
      0,
      'A new password is made for passwords.shop, version 2.\n',
    ],
    [
      'list webhooks --repo ann/shop',
      0,
      `ADDRESS${' '.repeat(api.url.length + 17)}TASK    SIGNED  FROM\n${api.url}/hooks/ann/shop/deploy  deploy  no      anywhere\n`,
    ],
    [
      'cancel nope --repo ann/shop',
      1,
      'error: There is no work nope\n  Check the name; `devops list` shows what there is.\n',
    ],
  ]
  for (const [line, code, text] of lines) {
    const ran = await run(api.url, line)
    assert.deepEqual([line, ran.code, code === 0 ? ran.out : ran.err], [line, code, text])
  }
})

test('the value of a secret comes from stdin, a file, or with a warning from the words, and is never printed', async () => {
  await using api = await startTestApi()
  writeFileSync(join(home, 'token.txt'), 'from a file\n')
  writeFileSync(join(home, 'picture'), Buffer.from([0xff, 0xd8, 0xff]))
  const set = 'secret set token --repo ann/shop'
  const lines: [line: string | string[], input: string, value: string][] = [
    [set, 'from stdin\n', 'from stdin'],
    [`${set} --file token.txt`, '', 'from a file\n'],
    [['secret', 'rotate', 'token', 'from words', '--repo', 'ann/shop'], '', 'from words'],
  ]
  for (const [line, input, value] of lines) {
    const ran = await run(api.url, line, { input })
    assert.deepEqual([ran.code, ran.out], [0, 'Secret token of ann/shop is set, version 2.\n'])
    assert.match(ran.err, /Synced in a moment, because they use it: web\./)
    assert.equal(ran.err.startsWith('Warning: a value on the command line'), value === 'from words')
    const rotate = value === 'from words'
    const sent = { repo: 'ann/shop', name: 'token', value, rotate, by: 'ann' }
    assert.deepEqual(api.world.asked.at(-1)?.input, sent)
  }
  assert.match((await run(api.url, `${set} --file picture`)).err, /holds bytes that are no text/)
  assert.match((await run(api.url, `${set} --file nope`)).err, /There is no file \S+nope\.\n/)
})

test('a rollback names the commit by its id, and says what was done', async () => {
  await using api = await startTestApi()
  assert.match((await run(api.url, 'rollback ann/shop --to HEAD~1')).err, /`HEAD~1` is no commit/)
  const done = await run(api.url, 'rollback ann/shop --to 3f2a1c0 --destroy web')
  assert.equal(done.out, 'Rolled ann/shop back to 3f2a1c0 by the new commit 3f2a1c0, 1 commit taken back.\n')
  const { input } = api.world.asked.findLast(({ name }) => name === 'git.rollback') ?? {}
  assert.deepEqual(input, { repo: 'ann/shop', to: '3f2a1c0', destroy: ['web'], by: 'ann' })
})

test('trust and unlink name the node; a fingerprint that is none is refused', async () => {
  await using api = await startTestApi()
  const key = `SHA256:${'k'.repeat(43)}`
  const trusted = await run(api.url, `trust web ${key} --repo ann/shop`)
  assert.equal(trusted.out, `web is known by ${key} now, no longer by SHA256:abc.\n`)
  assert.match((await run(api.url, 'trust web SHA256:x --repo ann/shop')).err, /is no fingerprint/)
  const gone = await run(api.url, 'unlink old --repo ann/shop')
  assert.equal(gone.out, 'destroy of old succeeded in 5.0 s\n')
})

test('power switches the server of a node, says what follows, and refuses what is no act', async () => {
  await using api = await startTestApi()
  const stopped = await run(api.url, 'power web stop --repo ann/shop')
  assert.deepEqual(stopped, {
    code: 0,
    out: 'The server of web is switched off.\n',
    err: 'The next sync or run on it starts it again.\n',
  })
  assert.equal(
    (await run(api.url, 'power web reboot --repo ann/shop')).out,
    'The server of web is rebooted.\n',
  )
  const asked = api.world.asked.filter(({ name }) => name === 'shazam.power').map(({ input }) => input)
  assert.deepEqual(asked, [
    { repo: 'ann/shop', node: 'web', by: 'ann', act: 'stop' },
    { repo: 'ann/shop', node: 'web', by: 'ann', act: 'reboot' },
  ])
  const wrong = await run(api.url, 'power web explode --repo ann/shop')
  assert.deepEqual(
    [wrong.code, wrong.err],
    [2, 'error: There is no act `explode`.\n  There are: start, stop, reboot.\n'],
  )
})

test('list offers shows what can be written in a descriptor, as a credential opens it', async () => {
  await using api = await startTestApi()
  const plain = await run(api.url, 'list offers docker --repo ann/shop')
  assert.match(
    plain.out,
    /^KEY +NAME +WHAT IT IS\nsize +small +one\S* processor\nimage +debian +of everybody\n$/,
  )
  assert.ok(!plain.out.includes('\u001b'))
  const opened = await run(api.url, 'list offers docker --credential farm --repo ann/shop --json')
  assert.deepEqual(JSON.parse(opened.out)[1], { key: 'image', id: 'debian', description: 'farm' })
})

test('link asks for what is not given, and never shows the password', async () => {
  await using api = await startTestApi()
  const asked = await run(api.url, 'link web --repo ann/shop', {
    input: '192.0.2.9\n\nadmin\nhunter2\nyes\n',
  })
  assert.equal(asked.out, 'Linked web to 192.0.2.9:22, Debian 12.\nIts host key is SHA256:abc.\n')
  assert.ok(!asked.err.includes('hunter2'))
  assert.match(
    asked.err,
    /^Address[\s\S]*Take care: it is \S*ours.\n\S+ runs Debian 12 and shows SHA256:abc.\nLinking it as web changes there:\n {2}makes the user/,
  )
  const expected = {
    repo: 'ann/shop',
    node: 'web',
    by: 'ann',
    host: '192.0.2.9',
    port: 22,
    user: 'admin',
    password: 'hunter2',
  }
  const links = () => api.world.asked.filter(({ name }) => name === 'shazam.link').map(({ input }) => input)
  assert.deepEqual(links(), [
    { ...expected, only_look: true },
    { ...expected, host_key: 'SHA256:abc' },
  ])
  const no = await run(api.url, 'link web --repo ann/shop', { input: '192.0.2.9\n\nadmin\nhunter2\n\n' })
  assert.match(no.err, /Nothing was changed/)
  assert.equal(links().length, 3)
  const unagreed = await run(api.url, 'link web --repo ann/shop --host a --password-stdin')
  assert.match(unagreed.err, /Agree beforehand with --yes/)
  const piped = await run(
    api.url,
    'link web --repo ann/shop --host 192.0.2.9 --user admin --password-stdin --yes',
    { input: 'hunter2\n' },
  )
  assert.equal(piped.code, 0)
  // What waited for the machine begins.
  assert.deepEqual(
    api.world.asked.slice(-2).map(({ name, input }) => [name, input]),
    [
      ['shazam.link', expected],
      ['tasker.sync', { repo: 'ann/shop', node: 'web', by: 'ann' }],
    ],
  )
})

test('ssh refuses a node without a server or without a known host key', async () => {
  await using api = await startTestApi()
  const none = await run(api.url, 'ssh web --repo ann/shop')
  assert.equal(
    none.err,
    'error: Node web has no server yet.\n  Make it with `devops sync web`, or `devops link web`.\n',
  )
  withWeb(api)
  assert.equal(
    (await run(api.url, 'ssh-config --repo ann/shop')).out,
    'Host web\n  HostName 192.0.2.1\n  Port 22\n  User devops\n  ForwardAgent no\n',
  )
  const [record] = api.world.records
  if (record?.server) record.server.host = '-oProxyCommand'
  assert.equal(
    (await run(api.url, 'ssh web --repo ann/shop')).err,
    'error: `-oProxyCommand` is no address of a server.\n',
  )
})

test('init makes what validate is happy with, and keeps what is there', async () => {
  const first = await run('http://127.0.0.1:7780', 'init fresh')
  assert.equal(
    first.out,
    'wrote  nodes/web.yml\nwrote  tasks/hello.yml\nwrote  scripts/uptime.sh\nwrote  README.md\nmade   a Git repository, branch main\n',
  )
  assert.match(
    readFileSync(join(home, 'fresh/nodes/web.yml'), 'utf8'),
    /^# yaml-language-server: \$schema=http:\/\/127.0.0.1:7780\/v1\/schemas\/node.json\n/,
  )
  const again = await run('http://127.0.0.1:7780', 'init fresh')
  assert.equal(
    again.out,
    'kept   nodes/web.yml\nkept   tasks/hello.yml\nkept   scripts/uptime.sh\nkept   README.md\n',
  )
})

test('init makes a repository of its own inside the work tree of another: what is pushed is all of one', async () => {
  await run('http://127.0.0.1:7780', 'init outer')
  const inner = await run('http://127.0.0.1:7780', 'init outer/inner')
  assert.match(inner.out, /^made {3}a Git repository, branch main$/m)
  const top = execFileSync('git', ['rev-parse', '--show-toplevel'], { cwd: join(home, 'outer/inner') })
  assert.match(String(top), /\/outer\/inner\n$/)
})

test('init leaves schemas for editors in the repository, found without a network, and renews them', async () => {
  let title = 'Node'
  const schemas = async () => ({ node: { title }, task: {}, service: {} })
  const first = await run('', 'init near', { schemas })
  assert.match(first.out, /^wrote {2}\.devops\/schemas\/service\.json$/m)
  const head = readFileSync(join(home, 'near/nodes/web.yml'), 'utf8').split('\n')[0] ?? ''
  const [, path = ''] = /^# yaml-language-server: \$schema=(\S+)$/.exec(head) ?? []
  title = 'Newer'
  await run('', 'init near', { schemas })
  assert.deepEqual(JSON.parse(readFileSync(join(home, 'near/nodes', path), 'utf8')), { title: 'Newer' })
})

test('validate prints findings as a push does and ends with 1 on errors', async () => {
  const finding = {
    severity: 'error',
    path: 'nodes/web.yml',
    line: 3,
    column: 7,
    at: 'type',
    message: 'must be server',
  } as const
  const found = await run('', 'validate', { validate: async (root) => ({ root, findings: [finding] }) })
  assert.deepEqual(found, {
    code: 1,
    out: 'nodes/web.yml:3:7 type: must be server\n1 error: a push would be refused.\n',
    err: '',
  })
  const clean = await run('', 'validate', { validate: async (root) => ({ root, findings: [] }) })
  assert.deepEqual(clean, { code: 0, out: 'No findings: a push would be accepted.\n', err: '' })
  const nowhere = await run('', 'validate', { validate: async () => ({ root: undefined, findings: [] }) })
  assert.equal(nowhere.code, 1)
  assert.match(nowhere.err, /^error: There is nothing to validate in /)
  const missing = await run('', 'validate no-such-folder', {
    validate: async (root) => ({ root, findings: [] }),
  })
  assert.equal(missing.code, 1)
  assert.match(missing.err, /^error: There is no folder .*no-such-folder\.$/m)
})

test('server passes its options on and refuses a port that is none', async () => {
  const asked: unknown[] = []
  const server = async (options: unknown) => void asked.push(options)
  await run('', 'server --data /tmp/x --port 0 --allowed-host a.example --allowed-host b.example', { server })
  assert.deepEqual(asked, [{ data: '/tmp/x', port: 0, allowedHosts: ['a.example', 'b.example'] }])
  const wrong = await run('', 'server --port eighty', { server })
  assert.deepEqual([wrong.code, wrong.err.split('\n')[0]], [2, 'error: `eighty` is no port.'])
})

test('a followed run names each step before its first line, numbered from 1, a node at a time', async () => {
  await using api = await startTestApi()
  const step = (position: number, name: string) => ({
    step: position,
    name,
    node: 'web',
    state: 'pending' as const,
    attempt: 0,
    exit: null,
    error: null,
    outputs: {},
    retry_at: null,
    started_at: null,
    ended_at: null,
  })
  const work = newWork('r1', { kind: 'run', task: 'deploy' })
  api.world.runs = [{ ...work, consent: null, steps: [step(0, 'Fetch'), step(1, 'Migrate \u001b[31m')] }]
  const going = run(api.url, 'run deploy --repo ann/shop')
  await until(() => api.world.asked.some(({ name }) => name === 'tasker.start_run'))
  for (const [text, position] of [
    ['a', 0],
    ['b', 0],
    ['c', 1],
  ] as const)
    api.say({ text, work: 'r1', node: 'web', step: position })
  api.world.runs = [{ ...work, state: 'succeeded', ended_at: AT + 5000, consent: null, steps: [] }]
  const { out } = await going
  assert.equal(
    out.replaceAll('12:00:00 web  ', ''),
    'step 1: Fetch\na\nb\nstep 2: Migrate \\x1b[31m\nc\nrun r1 of deploy succeeded in 5.0 s\n',
  )
})
