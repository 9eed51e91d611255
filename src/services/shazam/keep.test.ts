import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { compile } from './compile.ts'
import { planRecorded } from './recorded.ts'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf, keys, nodeOf, platformKey, serviceOf } from './testing/graphs.ts'
import { offerPackages } from './testing/packages.ts'

let node: Converging
before(async () => {
  node = await startConverging({ systemd: false })
  // As databases do it: purging the package takes its data.
  const postrm = '[ "$1" != purge ] || rm -rf /var/lib/db'
  const postinst = 'mkdir -p /var/lib/db && [ -e /var/lib/db/data ] || echo new >/var/lib/db/data'
  node.sh(
    offerPackages([
      { name: 'db', depends: 'db-16', files: {} },
      { name: 'db-16', files: { '/etc/db.conf': 'x', '/usr/bin/db': 'x' }, scripts: { postinst, postrm } },
      { name: 'tool', version: '1.1' },
      { name: 'tool', version: '1.2' },
    ]),
  )
})
after(() => node?.[Symbol.asyncDispose]())

const database = `resources:
  - {package: db, keep: true}
  - {directory: /srv/data, keep: true}
  - {file: /srv/data/key, content: key, keep: true}
  - {user: shop, keep: true}
  - {file: /etc/plain, content: x}`
const nothing = 'resources: []'
const told = (graph = graphOf(nothing)) =>
  planRecorded(graph, node.applied).map(({ resource, verdict }) => `${verdict} ${resource}`)
const there = () =>
  node
    .sh('cd /; ls -d srv/data/* var/lib/db/* etc/db.conf usr/bin/db home/shop etc/plain 2>/dev/null || true')
    .trim()
    .split('\n')

test('what holds data stays when its service leaves: the program goes, data and configuration stay', async () => {
  await node.made(graphOf(database))
  node.sh('echo precious >/var/lib/db/data')
  const expected = [
    'change file:/etc/plain',
    'skipped user:shop',
    'skipped file:/srv/data/key',
    'skipped directory:/srv/data',
    'change package:db',
  ]
  assert.deepEqual(told(), expected)
  const { changes } = await node.made(graphOf(nothing))
  assert.deepEqual(
    changes.map(({ resource, verdict }) => `${verdict} ${resource}`),
    expected,
  )
  assert.match(
    changes.at(-1)?.summary ?? '',
    /keep its configuration and data; with it db-16, which nothing else needs; `purge: \[x\]` in the node/,
  )
  assert.deepEqual(there(), ['etc/db.conf', 'home/shop', 'srv/data/key', 'var/lib/db/data'])
})

test('a second sync changes nothing, and the plan goes on saying what is kept', async () => {
  const again = await node.made(graphOf(nothing))
  assert.deepEqual([again.did, again.trips], [[], 1])
  assert.deepEqual(told(), [
    'skipped user:shop',
    'skipped file:/srv/data/key',
    'skipped directory:/srv/data',
    'skipped package:db',
  ])
})

test('the service comes back to its data', async () => {
  assert.ok(told(graphOf(database)).includes('change package:db'))
  await node.made(graphOf(database))
  assert.equal(node.sh('cat /var/lib/db/data /usr/bin/db'), 'precious\nx\n')
  await node.made(graphOf(nothing))
})

test('purge takes the data, also long after the service has left', async () => {
  assert.deepEqual((await node.made(graphOf(nothing, {}, {}, ['other']))).did, [])
  const purge = graphOf(nothing, {}, {}, ['x'])
  assert.deepEqual(told(purge), [
    'change user:shop',
    'change file:/srv/data/key',
    'change directory:/srv/data',
    'change package:db',
  ])
  await node.made(purge)
  assert.deepEqual(there(), [''])
  assert.equal(node.sh(`dpkg-query -W -f '\${db:Status-Status}' db db-16 2>/dev/null || true`), '')
  assert.deepEqual([node.applied, told(purge)], [[], []])
})

test('data that two services keep leave when both are purged, and not with one of them', async () => {
  const of = (id: string, more = '') =>
    serviceOf(id, `resources: [{directory: /srv/shared, keep: true}${more}]`)
  const services = [of('a', ', {file: /srv/shared/a, content: x, keep: true}'), of('b')]
  const graph = (ids: string[], purge: string[]) =>
    compile({ node: { ...nodeOf(ids), purge }, catalog: services, scope: {}, keys, platformKey })
  await node.made(graph(['a', 'b'], []))
  node.sh('echo theirs >/srv/shared/data')
  await node.made(graph([], ['a']))
  assert.equal(node.sh('ls /srv/shared'), 'data\n')
  await node.made(graph([], ['b']))
  assert.equal(node.sh('ls /srv/shared'), 'data\n')
  await node.made(graph([], ['a', 'b']))
  assert.equal(node.sh('ls -d /srv/shared 2>/dev/null || echo gone'), 'gone\n')
})

test('a folder that was there before us stays with all that is in it, though its service leaves and is purged at once', async () => {
  node.sh('mkdir -p /srv/theirs/deep; echo theirs >/srv/theirs/deep/file; chmod 750 /srv/theirs')
  await node.made(graphOf('resources: [{directory: /srv/theirs, keep: true}]'))
  const { changes } = await node.made(graphOf(nothing, {}, {}, ['x']))
  assert.deepEqual(
    changes.map(({ summary }) => summary),
    ['directory /srv/theirs, as it was before: mode 755 -> 750'],
  )
  assert.equal(node.sh('cat /srv/theirs/deep/file; stat -c %a /srv/theirs'), 'theirs\n750\n')
})

test('a plan offers no purge of what was there before us, which a purge would leave as well', async () => {
  node.sh('useradd -m theirs; mkdir -p /srv/before')
  const text = '{user: theirs, keep: true}, {directory: /srv/before, mode: "0700", keep: true}'
  await node.made(graphOf(`resources: [${text}]`))
  const { changes } = await node.made(graphOf(nothing))
  assert.deepEqual(
    changes.map(({ summary }) => summary),
    [
      'directory /srv/before, as it was before: mode 700 -> 755',
      'user theirs was there before us, and stays',
    ],
  )
  assert.equal(node.sh('id -un theirs; ls -d /srv/before'), 'theirs\n/srv/before\n')
})

test('a package is brought to a version, up or down, and held there until the hold is taken back', async () => {
  const is = () => node.sh(`dpkg-query -W -f '\${Version} \${db:Status-Want}' tool`)
  const wish = (more: string) => node.made(graphOf(`resources: [{package: tool${more}}]`))
  await wish(', version: "1.1"')
  assert.equal(is(), '1.1 install')
  await wish(', version: 1.2*, hold: true')
  assert.equal(is(), '1.2 hold')
  assert.deepEqual((await wish(', version: 1.2*, hold: true')).did, [])
  await wish(', version: "1.1", hold: true')
  assert.equal(is(), '1.1 hold')
  assert.deepEqual((await wish('')).did, ['package:tool'])
  assert.equal(is(), '1.1 install')
  await wish(', hold: true')
  await node.made(graphOf(nothing))
  assert.throws(is)
})
