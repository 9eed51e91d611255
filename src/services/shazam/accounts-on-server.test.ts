import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf } from './testing/graphs.ts'

/** Users, groups and memberships on a real server: what we gave is taken back, what was there stays as it was. */
let node: Converging
before(async () => {
  node = await startConverging({ systemd: false })
})
after(() => node?.[Symbol.asyncDispose]())

const resources = (...items: object[]) => graphOf(JSON.stringify({ resources: items }))
const nothing = resources()
const sh = (line: string) => node.sh(line).trim()
const groupsOf = (user: string) => sh(`id -nG ${user} | tr ' ' '\\n' | sort | paste -sd' '`)
async function settled(graph: ReturnType<typeof resources>) {
  const made = await node.made(graph)
  const again = await node.made(graph)
  assert.deepEqual([again.did, again.trips], [[], 1])
  return made
}

test('a membership that we added is taken back, one that was there before stays', async () => {
  node.sh('useradd -m worker; useradd -m boss; groupadd crew; usermod -aG crew,games boss')
  const both = resources({ membership: 'worker', group: 'crew' }, { membership: 'boss', group: 'crew' })
  await settled(both)
  assert.deepEqual([groupsOf('worker'), groupsOf('boss')], ['crew worker', 'boss crew games'])
  const { changes } = await settled(resources({ membership: 'boss', group: 'crew' }))
  assert.equal(changes[0]?.summary, 'take user worker out of group crew')
  assert.deepEqual([groupsOf('worker'), groupsOf('boss')], ['worker', 'boss crew games'])
  await node.made(nothing)
  assert.equal(groupsOf('boss'), 'boss crew games')
})

test('a group that is taken out of the groups of a user leaves the user, others stay', async () => {
  await settled(resources({ user: 'worker', groups: ['crew', 'adm'] }))
  node.sh('usermod -aG games worker')
  await settled(resources({ user: 'worker', groups: ['adm'] }))
  assert.equal(groupsOf('worker'), 'adm games worker')
  await node.made(nothing)
  assert.equal(groupsOf('worker'), 'games worker')
})

test('a membership is taken back after an apply that was cut before it could report', async () => {
  const graph = resources({ membership: 'worker', group: 'crew' })
  await node.made(graph)
  // The platform never heard of it.
  node.applied = []
  await node.made(graph)
  await node.made(nothing)
  assert.equal(groupsOf('worker'), 'games worker')
})

test('a membership of a user or group that is not there fails and says which', async () => {
  const made = await node.make(
    resources({ membership: 'nobody-here', group: 'crew' }, { membership: 'worker', group: 'no-group' }),
  )
  const reasons = made.failed.map(({ reason }) => reason).join()
  assert.match(reasons, /there is no user nobody-here.*there is no group no-group/s)
  await node.make(nothing)
})

test('of a user that was there before only what is written is changed, and given back', async () => {
  const look = 'getent passwd www-data; id -nG www-data; stat -c "%U %n" /var/www'
  node.sh('mkdir -p /var/www')
  const before = sh(look)
  await settled(resources({ user: 'www-data', groups: ['crew'] }))
  assert.match(sh(look), /^www-data:x:33:33:www-data:\/var\/www:\/usr\/sbin\/nologin\nwww-data crew/)
  await settled(resources({ user: 'www-data', shell: '/bin/sh', comment: 'web' }))
  assert.match(sh(look), /:web:\/var\/www:\/bin\/sh\nwww-data\n/)
  await settled(resources({ user: 'www-data', comment: 'web' }))
  assert.match(sh(look), /:web:\/var\/www:\/usr\/sbin\/nologin\n/)
  await node.made(nothing)
  assert.equal(sh(look), before)
  assert.deepEqual((await node.made(nothing)).did, [])
})

test('another home takes the content of the former one along, and belongs to its user', async () => {
  await settled(resources({ user: 'ann', home: '/home/ann' }))
  node.sh('echo data >/home/ann/file; chown ann: /home/ann/file')
  await settled(
    resources(
      { user: 'ann', home: '/srv/people/ann' },
      { authorized_keys: 'ann', home: '/srv/people/ann', keys: ['ssh-ed25519 AAAA one'] },
    ),
  )
  assert.equal(
    sh(
      'stat -c "%U %n" /srv/people/ann /srv/people/ann/file; cat /srv/people/ann/file; ls -d /home/ann 2>/dev/null || echo gone',
    ),
    'ann /srv/people/ann\nann /srv/people/ann/file\ndata\ngone',
  )
  await node.made(nothing)
  assert.equal(sh('ls -d /srv/people/ann 2>/dev/null || echo gone'), 'gone')
})

test('a home that others own is not moved: the new one is made for the user', async () => {
  const before = sh('getent passwd daemon; ls /usr/sbin | wc -l')
  await settled(resources({ user: 'daemon', home: '/srv/daemon' }))
  assert.equal(sh('stat -c %U /srv/daemon; ls /usr/sbin | wc -l'), `daemon\n${before.split('\n')[1]}`)
  await node.made(nothing)
  assert.equal(sh('getent passwd daemon; ls /usr/sbin | wc -l'), before)
  node.sh('rm -r /srv/daemon')
})

test('a new home that holds something already is left as it is, and that is said', async () => {
  node.sh('mkdir -p /srv/full; echo theirs >/srv/full/file; useradd -m eve; echo mine >/home/eve/mine')
  await node.made(resources({ user: 'eve', home: '/srv/full' }))
  assert.equal(
    sh('cat /srv/full/file /home/eve/mine; getent passwd eve | cut -d: -f6'),
    'theirs\nmine\n/srv/full',
  )
  assert.ok(
    node.lines.some(({ text }) =>
      text.includes('/srv/full is there already: what is in /home/eve stays where it is'),
    ),
  )
  await node.made(nothing)
  assert.equal(
    sh('getent passwd eve | cut -d: -f6; cat /srv/full/file /home/eve/mine'),
    '/home/eve\ntheirs\nmine',
  )
})

test('the primary group of a user that is kept stays, and no later sync fails of it', async () => {
  await node.made(resources({ group: 'data' }, { user: 'data', keep: true }))
  const left = await node.made(nothing)
  assert.ok(
    left.changes.some(
      ({ summary }) => summary === 'remove group data, unless it is still the primary group of data',
    ),
  )
  assert.equal(sh('id -gn data'), 'data')
  assert.deepEqual((await node.made(nothing)).did, [])
})

test('folders that were made above a home leave with it, also when it moves; one with something in it stays', async () => {
  const tree = () => sh('find /srv -mindepth 1 -not -path "/srv/full*" | sort | paste -sd" "')
  await settled(resources({ user: 'zoe', home: '/srv/a/b/zoe' }))
  assert.match(tree(), /^\/srv\/a \/srv\/a\/b \/srv\/a\/b\/zoe( |$)/)
  await settled(resources({ user: 'zoe', home: '/srv/c/zoe' }))
  assert.match(tree(), /^\/srv\/c \/srv\/c\/zoe( |$)/)
  await node.made(nothing)
  assert.equal(tree(), '')
  await settled(resources({ user: 'zoe', home: '/srv/a/b/zoe' }))
  sh('touch /srv/a/mine')
  await node.made(nothing)
  assert.equal(tree(), '/srv/a /srv/a/mine')
})
