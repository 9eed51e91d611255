import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { type Converging, startConverging } from './testing/converging.ts'
import { catalogGraph } from './testing/graphs.ts'

/** Redis is asked for its keys after every option that says where they are or how they are kept has changed. */
let node: Converging
/** The password that redis has now. */
let current = ''
const volume = `devops-redis-${randomBytes(4).toString('hex')}`
const sh = (line: string) => node.sh(line).trim()
type Options = Record<string, unknown>
const wish = (redis: Options) => node.make(catalogGraph(['redis'], { redis }))
const wished = (redis: Options) => node.made(catalogGraph(['redis'], { redis }))
const size = (password = '') => sh(`redis-cli --no-auth-warning ${password && `-a ${password}`} dbsize`)

async function start() {
  node = await startConverging({ volume: `${volume}:/var/lib/redis` })
  // The container of this test has no users of its own to give; a server has.
  sh(
    "d=/etc/systemd/system/redis-server.service.d; mkdir -p $d; printf '[Service]\\nPrivateUsers=no\\n' >$d/test.conf",
  )
}

before(async () => {
  await start()
  await wished({})
  sh('redis-cli mset a 1 b 2 c 3')
})
after(async () => {
  await node?.[Symbol.asyncDispose]()
  execFileSync('docker', ['volume', 'rm', volume], { stdio: 'pipe' })
})

/** `forgets`: what was written last is nowhere but in memory, as was asked for. */
const places: { title: string; options: Options; password?: string; forgets?: true }[] = [
  { title: 'another name of the snapshot', options: { snapshotting: { dbfilename: 'all.rdb' } } },
  { title: 'another folder, on another file system', options: { snapshotting: { dir: '/srv/redis' } } },
  { title: 'an append-only file', options: { aom: { enable: 'yes' } } },
  { title: 'another name of it', options: { aom: { enable: 'yes', filename: 'own.aof' } } },
  { title: 'none of it', options: {} },
  {
    title: 'the same one, without snapshots',
    options: { aom: { enable: 'yes' }, snapshotting: { save: [] } },
  },
  {
    title: 'nothing that is written by itself',
    options: { snapshotting: { save: [] } },
    forgets: true,
  },
  {
    title: 'a password, where nothing is written by itself',
    options: { snapshotting: { save: [] }, security: { requirepass: 'secret-word' } },
    password: 'secret-word',
    forgets: true,
  },
  {
    title: 'all at once, with another password',
    options: {
      snapshotting: { dir: '/srv/other/redis', dbfilename: 'x.rdb' },
      aom: { enable: 'yes', filename: 'x.aof' },
      security: { requirepass: 'another-word' },
      databases: 4,
    },
    password: 'another-word',
  },
  { title: 'all as it was', options: {} },
]
for (const { title, options, password, forgets } of places)
  test(`redis has all keys after a change to ${title}`, async () => {
    const keys = Number(size(current)) + 1
    sh(`redis-cli --no-auth-warning ${current && `-a ${current}`} set key-${keys} ${keys}`)
    await wished(options)
    current = password ?? ''
    assert.equal(size(current), `${keys}`)
    assert.deepEqual((await wished(options)).did, [])
    if (forgets) return
    sh(
      'systemctl kill -s KILL redis-server; systemctl reset-failed redis-server; systemctl restart redis-server',
    )
    assert.equal(size(current), `${keys}`)
  })

const purged = (redis: Options) => ({ ...catalogGraph(['redis'], { redis }), purge: ['redis'] })

for (const [how, prepare] of [
  ['runs', ''],
  ['is stopped', 'systemctl stop redis-server'],
  [
    'was killed',
    'redis-cli save; systemctl stop redis-server.service; systemctl kill -s KILL redis-server || true',
  ],
] as const)
  test(`redis that ${how} has all keys after a change of its folder, also where the node purges what leaves`, async () => {
    const keys = size()
    for (const options of [
      { snapshotting: { dir: '/srv/first' } },
      { snapshotting: { dir: '/srv/second' }, aom: { enable: 'yes' } },
      {},
    ]) {
      sh(prepare || 'true')
      await node.made(purged(options))
      assert.equal(size(), keys)
      sh('systemctl restart redis-server')
      assert.equal(size(), keys)
      assert.deepEqual((await node.made(purged(options))).did, [])
    }
    assert.equal(sh('ls -d /srv/first /srv/second 2>/dev/null || true'), '')
  })

test('redis whose data cannot move keeps them, though it is stopped and the node purges what leaves', async () => {
  const keys = size()
  await node.made(purged({ snapshotting: { dir: '/srv/first' } }))
  sh(
    'systemctl stop redis-server; install -d -o redis /srv/full; cp -p /srv/first/dump.rdb /srv/full/dump.rdb',
  )
  const { failed } = await node.make(purged({ snapshotting: { dir: '/srv/full' } }))
  assert.match(JSON.stringify(failed), /\/srv\/full\/dump\.rdb is there already/)
  sh('systemctl stop redis-server; rm -r /srv/full')
  await node.made(purged({}))
  assert.equal(size(), keys)
})

test('redis that was taken away finds its data at another place, also where the node purges what leaves', async () => {
  await wished({ snapshotting: { dir: '/srv/first' } })
  const keys = size()
  await node.made(catalogGraph([]))
  await node.made(purged({ snapshotting: { dir: '/srv/second' } }))
  assert.equal(size(), keys)
  assert.equal(sh('ls -d /srv/first 2>/dev/null || true'), '')
  await wished({})
})

test('redis that was stopped has all keys after a change', async () => {
  const keys = size()
  sh('systemctl stop redis-server')
  await wished({ aom: { enable: 'yes' }, snapshotting: { dir: '/srv/redis' } })
  assert.equal(size(), keys)
  sh('systemctl stop redis-server')
  await wished({})
  assert.equal(size(), keys)
})

test('data of somebody else at the new place are not written over, and redis goes on with its own', async () => {
  const keys = size()
  sh('install -d -o redis /srv/taken; cp -p /var/lib/redis/dump.rdb /srv/taken/dump.rdb')
  const { failed } = await wish({ snapshotting: { dir: '/srv/taken' } })
  assert.match(JSON.stringify(failed), /\/srv\/taken\/dump\.rdb is there already, and Redis has \d+ keys/)
  assert.equal(size(), keys)
  await wished({})
  assert.equal(size(), keys)
})

test('a database with keys is not taken away, and redis goes on', async () => {
  await wished({ databases: 4 })
  sh('redis-cli -n 3 set far away')
  const { failed } = await wish({ databases: 2 })
  assert.match(JSON.stringify(failed), /database 3 has keys: databases must be at least 4/)
  assert.equal(sh('redis-cli -n 3 get far'), 'away')
  sh('redis-cli -n 3 del far')
  await wished({})
})

test('settings that redis cannot start with fail with its own words, and the former ones run again', async () => {
  await wished({})
  const keys = size()
  for (const [options, words] of [
    [{ bind: '203.0.113.7' }, /Cannot assign requested address|Could not create server TCP/],
    [{ logfile: '/nowhere/redis.log' }, /Can't open the log file|No such file/],
  ] as const) {
    const { failed } = await wish(options)
    assert.notDeepEqual(failed, [])
    assert.match(`${JSON.stringify(failed)} ${node.lines.map(({ text }) => text).join('\n')}`, words)
    assert.equal(size(), keys)
  }
  await wished({})
})

for (const options of [{ aom: { enable: 'yes' } }, { snapshotting: { dbfilename: 'all.rdb' } }])
  test(`a server made again on the volume of ${JSON.stringify(options)} has its keys`, async () => {
    await wished(options)
    sh('redis-cli set last one')
    const keys = size()
    // What a snapshot would have is not all that was written.
    sh('sleep 1.1; systemctl stop redis-server')
    await node[Symbol.asyncDispose]()
    await start()
    // Users get other numbers there.
    sh(
      'for n in 1 2 3 4; do useradd --system --no-create-home u$n; adduser --quiet --system --no-create-home a$n; done',
    )
    await wished(options)
    assert.equal(size(), keys)
    assert.equal(sh('stat -c %U /var/lib/redis/*.rdb | sort -u'), 'redis')
    assert.deepEqual((await wished(options)).did, [])
  })
