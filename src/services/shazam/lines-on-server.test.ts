import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '#testing/until.ts'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf } from './testing/graphs.ts'

/** Kinds whose worth is in what other programs make of a line: commands, keys, sudo, cron, limits. */
let node: Converging
before(async () => {
  node = await startConverging()
  // Not /tmp: a server that has just started may still be tidying up there.
  node.sh('install -d -o daemon /srv/work')
})
after(() => node?.[Symbol.asyncDispose]())

const resources = (...items: object[]) => graphOf(JSON.stringify({ resources: items }))
const nothing = resources()
const sh = (line: string) => node.sh(line).trim()

test('a command runs as its user when its guard says so: creates, unless, only_if', async () => {
  const wish = resources(
    { command: 'make', run: 'id -un >/srv/work/made', user: 'daemon', creates: '/srv/work/made' },
    { command: 'never', run: 'touch /srv/work/never', unless: 'test -d /' },
    { command: 'perhaps', run: 'touch /srv/work/perhaps', only_if: 'test -e /srv/work/flag' },
  )
  const first = await node.made(wish)
  assert.deepEqual(first.did, ['command:make'])
  assert.deepEqual(
    first.changes.map(({ verdict, summary }) => `${verdict}: ${summary}`),
    ['change: run make', 'no change: never: nothing to do', 'skipped: perhaps: its condition does not hold'],
  )
  assert.equal(sh('cat /srv/work/made; ls /srv/work/never /srv/work/perhaps 2>/dev/null || true'), 'daemon')
  assert.deepEqual((await node.made(wish)).did, [])
  node.sh('touch /srv/work/flag')
  assert.deepEqual((await node.made(wish)).did, ['command:perhaps'])
  assert.equal(sh('ls /srv/work/perhaps'), '/srv/work/perhaps')
  await node.made(nothing)
})

test('the guards of a command are asked as its user, in its home', async () => {
  node.sh('useradd -m guarded')
  const wish = resources(
    {
      command: 'once',
      run: 'touch done',
      user: 'guarded',
      unless: 'test "$(id -un)" = guarded && test -e done',
    },
    { command: 'own', run: 'id -un >own', user: 'guarded', only_if: 'test -O .', unless: 'test -e own' },
  )
  assert.deepEqual((await node.made(wish)).did, ['command:once', 'command:own'])
  assert.equal(sh('stat -c %U /home/guarded/done; cat /home/guarded/own'), 'guarded\nguarded')
  assert.deepEqual((await node.made(wish)).did, [])
  await node.made(nothing)
})

test('a condition of a user who comes with the same sync is asked when the user is there', async () => {
  const wish = resources(
    { user: 'late' },
    {
      command: 'greet',
      run: 'touch greeted',
      user: 'late',
      only_if: 'test "$PWD" = /home/late',
      unless: 'test -e greeted',
    },
  )
  await node.made(wish)
  assert.equal(sh('ls /home/late'), 'greeted')
  assert.deepEqual((await node.made(wish)).did, [])
  await node.made(nothing)
})

test('a guard that does not end is stopped, and nobody takes that for its answer', async () => {
  const wish = resources({
    command: 'slow',
    run: 'touch /srv/work/slow',
    unless: '[ -e /srv/work/fast ] || sleep 11',
  })
  assert.deepEqual((await node.made(wish)).did, ['command:slow'])
  assert.equal(sh('ls /srv/work/slow 2>/dev/null || echo none'), 'none')
  await node.made(nothing)
})

test('a file whose folder is not there fails with its name, and so do a link and a line', async () => {
  const made = await node.make(
    resources(
      { file: '/no/such/file', content: 'x' },
      { link: '/no/such/link', to: '/etc' },
      { line: 'a', in: '/no/such/line' },
      { certificate: '/no/such/c.pem', key: '/no/such/c.key', names: ['a.example'] },
    ),
  )
  for (const [at, name] of ['file', 'link', 'line', 'c.key'].entries())
    assert.match(
      made.failed[at]?.reason ?? '',
      new RegExp(`there is no folder /no/such for /no/such/${name}: describe it as a \`directory\``),
    )
  await node.make(nothing)
})

test('keys of a user may be a text, as a file has them', async () => {
  node.sh('useradd -m text')
  const wish = resources({
    authorized_keys: 'text',
    keys: '# ours\nssh-ed25519 AAAA1 one\nssh-ed25519 AAAA2 two\n',
  })
  await node.made(wish)
  assert.equal(sh('cat /home/text/.ssh/authorized_keys'), 'ssh-ed25519 AAAA1 one\nssh-ed25519 AAAA2 two')
  assert.throws(() => resources({ authorized_keys: 'text', keys: '' }), /keys of text are none/)
  await node.made(nothing)
})

test('the keys of a user are those that are wished and no other; the former ones come back', async () => {
  node.sh(
    'useradd -m ann; install -d -m 700 -o ann /home/ann/.ssh; echo "ssh-ed25519 AAAAtheirs old" >/home/ann/.ssh/authorized_keys',
  )
  const look =
    'cat /home/ann/.ssh/authorized_keys; stat -c "%U %a" /home/ann/.ssh/authorized_keys /home/ann/.ssh'
  const before = sh(look)
  const wish = (...keys: string[]) => resources({ authorized_keys: 'ann', keys })
  await node.made(wish('ssh-ed25519 AAAA1 one', 'ssh-ed25519 AAAA2 two\nssh-ed25519 AAAA3 hidden'))
  assert.equal(
    sh(look),
    'ssh-ed25519 AAAA1 one\nssh-ed25519 AAAA2 two ssh-ed25519 AAAA3 hidden\nann 600\nann 700',
  )
  await node.made(wish('ssh-ed25519 AAAA1 one'))
  assert.equal(sh('cat /home/ann/.ssh/authorized_keys'), 'ssh-ed25519 AAAA1 one')
  assert.deepEqual((await node.made(wish('ssh-ed25519 AAAA1 one'))).did, [])
  await node.made(nothing)
  assert.equal(sh(look), before)
})

test('a rule of sudo is in force at once; one that sudo cannot read never gets there', async () => {
  const may = "su daemon -s /bin/sh -c 'sudo -n id -u' 2>/dev/null || echo no"
  assert.equal(sh(may), 'no')
  const wish = (content: string) => resources({ sudoers: 'app.d', content })
  await node.made(wish('daemon ALL=(root) NOPASSWD: /usr/bin/id\n'))
  assert.equal(sh(`${may}; stat -c %a /etc/sudoers.d/app_d`), '0\n440')
  const broken = await node.make(wish('daemon ALL=(root NOPASSWD\n'))
  assert.match(broken.failed[0]?.reason ?? '', /syntax error/)
  assert.equal(sh(may), '0')
  await node.made(nothing)
  assert.equal(sh(may), 'no')
})

test('an entry of cron is run by cron, as its user, whatever its line holds', async () => {
  assert.equal(sh('command -v cron || echo none'), 'none')
  const wish = resources(
    {
      cron: 'job.d',
      schedule: '@reboot',
      user: 'daemon',
      run: `printf '%s %s' "$(id -un)" 'a "b" # c' >/srv/work/cron-ran`,
    },
    // As crontab(5) wants it already.
    { cron: 'escaped', schedule: '@reboot', user: 'daemon', run: 'date +\\%Y-%m >/srv/work/cron-date' },
  )
  await node.made(wish)
  assert.deepEqual((await node.made(wish)).did, [])
  // What is due at the start of the machine is due once for each start.
  node.sh('rm -f /run/crond.reboot; systemctl restart cron')
  await until(() => node.sh('cat /srv/work/cron-ran 2>/dev/null || true') === 'daemon a "b" # c')
  await until(() => /^\d{4}-\d\d$/.test(sh('cat /srv/work/cron-date 2>/dev/null || true')))
  node.sh('systemctl stop cron')
  assert.deepEqual((await node.made(wish)).did, ['unit:cron'])
  await node.made(nothing)
  assert.equal(sh('ls /etc/cron.d | grep job; command -v cron || echo none'), 'none')
})

test('limits hold for the next session', async () => {
  const seen = "su daemon -s /bin/sh -c 'ulimit -Sn'"
  const before = sh(seen)
  await node.made(resources({ limits: 'app', lines: ['daemon soft nofile 99'] }))
  assert.equal(sh(seen), '99')
  await node.made(nothing)
  assert.equal(sh(seen), before)
})
