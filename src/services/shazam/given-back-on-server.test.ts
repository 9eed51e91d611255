import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf } from './testing/graphs.ts'

/** What belongs to somebody else is changed as little as can be, and is afterwards what it was, byte for byte. */
const fuse = existsSync('/dev/fuse')
let node: Converging
before(async () => {
  node = await startConverging({ systemd: false, ...(fuse ? { device: '/dev/fuse' } : {}) })
})
after(() => node?.[Symbol.asyncDispose]())

const resources = (...items: object[]) => graphOf(JSON.stringify({ resources: items }))
const nothing = resources()
const sh = (line: string) => node.sh(line).trim()

/** Made, looked at, found as described by one look, and given back without a trace. */
async function live(graph: ReturnType<typeof resources>, trace: string, look: () => void) {
  const before = node.sh(trace)
  await node.made(graph)
  look()
  const again = await node.made(graph)
  assert.deepEqual([again.did, again.trips], [[], 1])
  await node.made(nothing)
  assert.equal(node.sh(trace), before)
  assert.deepEqual((await node.made(nothing)).did, [])
}

test('a line through a link changes the file, and the link stays one', async () => {
  node.sh('mkdir -p /srv/real; printf "a\\nb\\n" >/srv/real/conf; ln -sf real/conf /srv/conf')
  await live(
    resources({ line: 'c', in: '/srv/conf' }, { line: 'B', in: '/srv/conf', match: '^b$' }),
    'readlink /srv/conf; cat /srv/real/conf; ls -A /srv/real',
    () => assert.equal(sh('readlink /srv/conf; cat /srv/real/conf'), 'real/conf\na\nB\nc'),
  )
})

test('a last line without its newline is one again', async () => {
  node.sh('printf "a\\nlast" >/srv/open')
  await live(resources({ line: 'b', in: '/srv/open' }), 'od -c /srv/open', () =>
    assert.equal(sh('cat /srv/open'), 'a\nlast\nb'),
  )
  await live(resources({ line: 'LAST', in: '/srv/open', match: '^last' }), 'od -c /srv/open', () =>
    assert.equal(sh('cat /srv/open'), 'a\nLAST'),
  )
})

test('a file that came with a line leaves with it', async () => {
  await live(resources({ line: 'a', in: '/srv/new' }, { line: 'b', in: '/srv/new' }), 'ls /srv', () =>
    assert.equal(sh('cat /srv/new'), 'a\nb'),
  )
})

test('an ACL and attributes of a file stay when a line of it changes', async () => {
  node.sh('apt-get -qq update; apt-get -qq -y install acl attr >/dev/null 2>&1')
  node.sh(
    'printf "a\\n" >/srv/acl; chown daemon:games /srv/acl; chmod 640 /srv/acl; setfacl -m u:www-data:rw,g:adm:r /srv/acl; setfattr -n user.note -v kept /srv/acl',
  )
  const look = 'getfacl -p /srv/acl; getfattr -d --absolute-names /srv/acl'
  const before = sh(look)
  assert.match(before, /user:www-data:rw-[\s\S]*user.note="kept"/)
  await live(resources({ line: 'b', in: '/srv/acl' }), `${look}; cat /srv/acl`, () =>
    assert.equal(sh(look), before),
  )
})

test('an ACL of a file that is replaced as a whole comes back with it', async () => {
  const look = 'getfacl -p /srv/acl; cat /srv/acl'
  await live(resources({ file: '/srv/acl', content: 'ours' }), look, () =>
    assert.equal(sh('cat /srv/acl'), 'ours'),
  )
})

test('several lines of one host come back where they stood, each as it was written', async () => {
  node.sh(
    `{ echo '10.9.9.1   twice  # first'; cat /etc/hosts; printf '10.8.8.8 other\\nfd00::9\\ttwice alias\\n# twice\\n'; } >/tmp/hosts; cat /tmp/hosts >/etc/hosts`,
  )
  await live(resources({ host: 'twice', ip: '10.1.1.1' }), 'cat /etc/hosts', () => {
    assert.match(sh('getent ahosts twice'), /^10\.1\.1\.1 /)
    assert.doesNotMatch(sh('getent ahosts twice'), /10\.9\.9\.1|fd00/)
  })
  // By way of other addresses, and with a line that somebody adds meanwhile.
  const before = sh('cat /etc/hosts')
  await node.made(resources({ host: 'twice', ip: '10.1.1.1' }))
  await node.made(resources({ host: 'twice', ip: '10.1.1.2', aliases: ['two'] }))
  node.sh("echo '10.7.7.7 third' >>/etc/hosts")
  await node.made(resources({ host: 'twice', ip: 'fd00::3' }))
  assert.equal(sh("grep -v '^#' /etc/hosts | grep -c '[[:space:]]twice'"), '1')
  await node.made(nothing)
  assert.equal(sh('cat /etc/hosts'), `${before}\n10.7.7.7 third`)
})

test('a line of a host that was there before stays when another one is taken out again', async () => {
  node.sh("echo '10.6.6.6 mine' >>/etc/hosts")
  const before = sh('cat /etc/hosts')
  await node.made(resources({ host: 'mine', ip: '10.6.6.6' }))
  await node.made(resources({ host: 'mine', ip: '10.6.6.7' }))
  assert.equal(sh('getent hosts mine | cut -d" " -f1'), '10.6.6.7')
  await node.made(nothing)
  assert.equal(sh('cat /etc/hosts'), before)
})

test('several lines by which the host knows itself come back', async () => {
  node.sh(
    `{ printf '127.0.1.1 old-name\\n127.0.1.1 older-name\\n'; cat /etc/hosts; } >/tmp/hosts; cat /tmp/hosts >/etc/hosts`,
  )
  await live(resources({ hostname: 'new-name' }), 'cat /etc/hosts; hostname', () =>
    assert.equal(sh('grep ^127.0.1.1 /etc/hosts'), '127.0.1.1 new-name'),
  )
})

test('a link to a folder serves where a directory is described, and is left as it is', async () => {
  node.sh('mkdir -p /srv/elsewhere; ln -s elsewhere /srv/data')
  const wish = resources(
    { directory: '/srv/data', owner: 'daemon', mode: '0700' },
    { file: '/srv/data/x', content: 'x' },
  )
  await live(wish, 'readlink /srv/data; ls -ld /srv/elsewhere | cut -c1-10; ls /srv/elsewhere', () =>
    assert.equal(sh('cat /srv/elsewhere/x; stat -c " %U" /srv/elsewhere'), 'x root'),
  )
  const { changes } = await node.made(wish)
  assert.match(
    changes[0]?.summary ?? '',
    /\/srv\/data is a link to the folder elsewhere, which serves as well/,
  )
  await node.made(nothing)
})

test('a file takes the place of our own link, a link that of our own file, and nothing of either stays', async () => {
  const steps = [
    resources({ link: '/srv/turn', to: '/etc/hostname' }),
    resources({ file: '/srv/turn', content: 'x' }),
    resources({ link: '/srv/turn', to: '/etc/hosts' }),
  ]
  for (const step of steps) {
    await node.made(step)
    assert.ok(
      node.applied.every(({ present_before }) => !present_before),
      JSON.stringify(node.applied),
    )
  }
  await node.made(nothing)
  assert.equal(sh('ls -d /srv/turn 2>/dev/null || echo gone'), 'gone')
})

test('a network file system that hangs holds no look, and what lies on it is said', async (t) => {
  if (!fuse) return t.skip('this machine has no /dev/fuse')
  // A server that never answers: whoever asks for anything below it sleeps until it is gone.
  node.sh(
    `mkdir -p /mnt/hung; (exec 5<>/dev/fuse; mount -i -t fuse -o fd=5,rootmode=40000,user_id=0,group_id=0 server:/away /mnt/hung; exec sleep 600) >/dev/null 2>&1 & echo $! >/tmp/hung
until grep -q /mnt/hung /proc/mounts; do sleep 0.1; done`,
  )
  try {
    await node.made(resources({ file: '/srv/beside', content: 'x' }))
    assert.equal(sh('cat /srv/beside'), 'x')
    await assert.rejects(node.make(resources({ file: '/mnt/hung/x', content: 'x' })), {
      code: 'look_hangs',
      message: /its files/,
    })
    await assert.rejects(node.make(resources({ line: 'x', in: '/mnt/hung/y' })), { code: 'look_hangs' })
  } finally {
    node.sh('umount -l /mnt/hung; kill $(cat /tmp/hung)')
  }
  await node.made(nothing)
})
