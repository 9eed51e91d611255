import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { compile } from './compile.ts'
import { digestOf } from './digest.ts'
import { planLive } from './plan.ts'
import { lookAt } from './probe.ts'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf, keys, nodeOf, platformKey, serviceOf } from './testing/graphs.ts'
import { offerPackages } from './testing/packages.ts'

/** What leaves never takes along what stays: packages and their data, folders, homes, mounts. */
let node: Converging
before(async () => {
  node = await startConverging({ systemd: false })
  const data = (name: string) => ({
    postinst: `mkdir -p /var/lib/${name}; [ -e /var/lib/${name}/data ] || echo new >/var/lib/${name}/data`,
    postrm: `[ "$1" != purge ] || rm -rf /var/lib/${name}`,
  })
  node.sh(
    offerPackages([
      { name: 'store-tools' },
      { name: 'store-server', depends: 'store-tools', scripts: data('store-server') },
      { name: 'store-sentinel', depends: 'store-server' },
      { name: 'lib-a' },
      { name: 'lib-b' },
      { name: 'app', depends: 'lib-a, lib-b', files: { '/etc/app/app.conf': 'x' } },
      { name: 'either', depends: 'lib-a | lib-b' },
      { name: 'mta-one', provides: 'local-mta' },
      { name: 'mta-two', provides: 'local-mta (= 2.0)' },
      { name: 'needs-mta', depends: 'mta-one | local-mta' },
      { name: 'db', scripts: data('db') },
      { name: 'good' },
      { name: 'far', depends: 'near' },
      { name: 'near' },
      { name: 'never', depends: 'no-such-package' },
      { name: 'bad', scripts: { postinst: 'exit 1' } },
    ]),
  )
})
after(() => node?.[Symbol.asyncDispose]())

const resources = (text: string, purge?: string[]) => graphOf(`resources:\n${text}`, {}, {}, purge)
const packages = (...names: string[]) =>
  resources(names.map((name) => `  - {package: ${name}}`).join('\n') || '  []')
const nothing = packages()
const sh = (line: string) => node.sh(line).trim()
const ours = '^(store-.*|lib-[ab]|app|either|mta-.*|needs-mta|db|good|far|near|never|bad)$'
/** What there is of them, with their marks: `store-tools auto`. */
const there = () =>
  sh(`{ dpkg-query -W -f '\${db:Status-Status} \${Package}\\n' | sed -n 's/^installed //p' | grep -E '${ours}'; } | sort >/tmp/is
apt-mark showauto | sort >/tmp/auto; awk '{ print $1, (system("grep -qx " $1 " /tmp/auto") == 0 ? "auto" : "manual") }' /tmp/is || true`)
    .split('\n')
    .filter(Boolean)
const said = (changes: readonly { resource: string; verdict: string; summary: string }[]) =>
  changes.filter(({ verdict }) => verdict !== 'no change').map(({ summary }) => summary)

/** Applied, as described, and a second plan is empty. */
async function settled(graph: ReturnType<typeof graphOf>) {
  const made = await node.made(graph)
  const again = await node.made(graph)
  assert.deepEqual(again.did, [])
  return made
}

test('packages that are described together come in one run of apt, from the first sync of a server on', async () => {
  const installed = () =>
    sh('grep "^Commandline: .* -- " /var/log/apt/history.log | sed "s/.* -- //" | tail -1')
  await settled(packages('lib-a', 'good'))
  assert.equal(installed(), 'lib-a good')
  await settled(packages('lib-b', 'near'))
  assert.equal(installed(), 'lib-b near')
  await settled(nothing)
})

test('a package that what is still described needs stays, as its dependency, with the data of the other', async () => {
  await settled(packages('store-tools', 'store-server'))
  node.sh('echo precious >/var/lib/store-server/data')
  assert.deepEqual(there(), ['store-server manual', 'store-tools manual'])
  const { changes } = await settled(packages('store-server'))
  assert.deepEqual(said(changes), ['package store-tools stays as a dependency: store-server needs it'])
  assert.deepEqual(there(), ['store-server manual', 'store-tools auto'])
  assert.equal(sh('cat /var/lib/store-server/data'), 'precious')
  const last = await settled(nothing)
  assert.match(
    said(last.changes).join(),
    /remove package store-server .*; with it store-tools, which nothing else needs/,
  )
  assert.deepEqual(there(), [])
})

test('a dependency that is described becomes wanted for itself, and stays when what brought it leaves', async () => {
  await settled(packages('app'))
  assert.deepEqual(there(), ['app manual', 'lib-a auto', 'lib-b auto'])
  const { changes } = await settled(packages('lib-b'))
  assert.deepEqual(there(), ['lib-b manual'])
  assert.match(said(changes).join('; '), /with it lib-a,.*package lib-b: a dependency -> wanted for itself/)
  await settled(nothing)
  assert.deepEqual(there(), [])
})

test('what somebody installed by hand needs, stays; what there was before keeps its mark', async () => {
  await settled(packages('store-tools'))
  node.sh('apt-get -qq -y install store-server >/dev/null 2>&1')
  assert.deepEqual(said((await settled(nothing)).changes), [
    'package store-tools stays as a dependency: store-server needs it',
  ])
  assert.deepEqual(there(), ['store-server manual', 'store-tools auto'])
  await settled(packages('store-tools', 'store-server'))
  assert.deepEqual(there(), ['store-server manual', 'store-tools manual'])
  await settled(nothing)
  assert.deepEqual(there(), ['store-server manual', 'store-tools auto'])
  node.sh('apt-get -qq -y purge store-server store-tools >/dev/null 2>&1')
})

test('of two that stand in for one another one stays while it is needed', async () => {
  await settled(packages('lib-a', 'lib-b', 'either'))
  await settled(packages('either'))
  assert.equal(there().length, 2)
  assert.equal(there()[0], 'either manual')
  await settled(nothing)
  assert.deepEqual(there(), [])
})

test('of two that leave together the first brings in no other for the second', async () => {
  await settled(packages('either', 'lib-b'))
  assert.deepEqual(there(), ['either manual', 'lib-b manual'])
  await settled(nothing)
  assert.deepEqual(there(), [])
})

test('one that is described as kept loses no data when what it depends on leaves with it', async () => {
  const graph = resources('  - {package: store-tools}\n  - {package: store-server, keep: true}')
  await settled(graph)
  node.sh('echo precious >/var/lib/store-server/data')
  await settled(nothing)
  assert.deepEqual(there(), [])
  assert.equal(sh('cat /var/lib/store-server/data'), 'precious')
  await settled(resources('  []', ['x']))
  assert.equal(sh('ls -d /var/lib/store-server 2>/dev/null || echo gone'), 'gone')
})

test('a purge does not take a folder that another one keeps', async () => {
  await settled(resources('  - {package: db}\n  - {directory: /var/lib/db, keep: true}'))
  node.sh('echo precious >/var/lib/db/data')
  const { changes } = await settled(nothing)
  assert.match(
    said(changes).join('; '),
    /remove package db, and keep its configuration and data: \/var\/lib\/db is kept/,
  )
  assert.equal(sh('cat /var/lib/db/data'), 'precious')
  node.sh('apt-get -qq -y purge db >/dev/null 2>&1; rm -rf /var/lib/db')
  await node.made(resources('  []', ['x']))
})

test('a mark of a package that was there before is given back, though others left in the same sync', async () => {
  node.sh('apt-get -qq -y install mta-two >/dev/null 2>&1; apt-mark -q auto mta-two')
  await settled(packages('store-server'))
  await settled(packages('mta-two'))
  assert.deepEqual(there(), ['mta-two manual'])
  await settled(nothing)
  assert.deepEqual(there(), ['mta-two auto'])
  node.sh('apt-get -qq -y purge mta-two >/dev/null 2>&1')
})

test('a name that is no package is there when it is provided, comes by one provider, and leaves with it', async () => {
  node.sh('apt-get -qq -y install mta-two >/dev/null 2>&1')
  assert.deepEqual((await settled(packages('local-mta'))).did, [])
  assert.deepEqual((await settled(resources('  - {package: local-mta, version: "2.*"}'))).did, [])
  await settled(nothing)
  assert.deepEqual(there(), ['mta-two manual'])
  node.sh('apt-get -qq -y purge mta-two >/dev/null 2>&1')
  await settled(packages('needs-mta', 'local-mta', 'awk'))
  assert.deepEqual(there(), ['mta-one auto', 'needs-mta manual'])
  await settled(nothing)
  assert.deepEqual(there(), [])
})

test('a name with the architecture of the node is the same package', async () => {
  await settled(packages('good'))
  const { did } = await settled(packages(`"good:${sh('dpkg --print-architecture')}"`))
  assert.deepEqual(did, [])
  await settled(nothing)
  assert.deepEqual(there(), [])
})

test('a plan promises what apply does: both are made by one look, and their digests agree', async () => {
  await settled(packages('store-tools', 'store-server', 'app'))
  const graph = packages('store-server')
  const state = await lookAt(node.server.connection, graph, node.applied)
  const plan = planLive(graph, state, node.applied)
  const again = await lookAt(node.server.connection, graph, node.applied)
  const digest = digestOf(graph, state, plan, node.applied)
  assert.equal(digestOf(graph, again, planLive(graph, again, node.applied), node.applied), digest)
  assert.deepEqual(said((await node.made(graph)).changes), said(plan.changes))
  await settled(nothing)
})

test('dpkg -i without what the package needs is made whole, or taken back, and blocks nothing', async () => {
  const installs = (name: string) =>
    resources(`  - {command: 'get ${name}', run: 'dpkg -i /srv/apt/${name}_1.0.deb || true', unless: 'test -e /srv/tried-${name}'}
  - {command: 'tried ${name}', run: 'touch /srv/tried-${name}', creates: /srv/tried-${name}}`)
  await node.made(installs('far'))
  await settled(packages('good'))
  assert.deepEqual(there(), ['far manual', 'good manual', 'near auto'])
  await node.made(installs('never'))
  await settled(packages('app'))
  assert.deepEqual(
    there().filter((one) => !/far|near/.test(one)),
    ['app manual', 'lib-a auto', 'lib-b auto'],
  )
  assert.equal(sh('dpkg --audit'), '')
  node.sh('apt-get -qq -y purge far near >/dev/null 2>&1; rm -f /srv/tried-*')
  await settled(nothing)
})

test('a package whose own script fails is the only one that fails', async () => {
  const { failed } = await node.make(packages('bad', 'good', 'app'))
  assert.deepEqual(
    failed.map(({ resource }) => resource),
    ['package:bad'],
  )
  await settled(packages('good'))
  assert.deepEqual(there(), ['good manual'])
  await settled(nothing)
})

/** A test that fails leaves nothing for the next one. */
afterEach(async () => {
  await node.make(nothing)
  node.sh(
    `apt-get -qq -y --allow-remove-essential purge $(dpkg-query -W -f '\${Package}\n' | grep -E '${ours}') >/dev/null 2>&1 || true`,
  )
})

const service = (id: string, items: string) => serviceOf(id, `resources: [${items}]`)
const nodeWith = (services: ReturnType<typeof service>[], chosen: string[], purge: string[] = []) =>
  compile({ node: { ...nodeOf(chosen), purge }, catalog: services, scope: {}, keys, platformKey })

test('a folder that another service keeps in one that is purged is spared, and so is one that is described', async () => {
  const services = [
    service('pb', '{directory: /srv/n, keep: true}'),
    service('pc', '{directory: /srv/n/inner, keep: true}'),
    service('pd', '{directory: "/srv/n/[x] *", mode: "0700"}'),
  ]
  await settled(nodeWith(services, ['pb', 'pc', 'pd']))
  node.sh('cd /srv/n; echo a >inner/a; echo b >"[x] */b"; mkdir -p more/x; echo c >more/x/c; ln -s /etc link')
  const { changes } = await settled(nodeWith(services, ['pd'], ['pb']))
  assert.match(
    said(changes).join('; '),
    /remove what is in directory \/srv\/n, but directory:\/srv\/n\/\[x\] \* stays/,
  )
  assert.equal(sh('cd /srv/n; find . | sort'), '.\n./[x] *\n./[x] */b\n./inner\n./inner/a')
  await settled(nodeWith(services, [], ['pb', 'pc']))
  assert.equal(sh('cd /srv/n; find . | sort'), '.\n./[x] *\n./[x] */b')
  node.sh('rm -r "/srv/n/[x] *"')
  await settled(nodeWith(services, [], []))
})

test('what is mounted in a folder that is purged is spared', async () => {
  await settled(resources('  - {directory: /srv/m, keep: true}'))
  node.sh(
    'mkdir -p "/srv/m/a b" /srv/m/c /srv/other; echo x >/srv/other/x; mount --bind /srv/other "/srv/m/a b"',
  )
  const { changes } = await node.made(resources('  []', ['x']))
  assert.match(said(changes).join(), /remove what is in directory \/srv\/m, but \/srv\/m\/a b is mounted/)
  assert.equal(sh('cat /srv/other/x; ls /srv/m'), 'x\na b')
  node.sh('umount "/srv/m/a b"; rm -r /srv/m /srv/other')
  await node.made(nothing)
})

test('a kept folder in, or as, the home of a user that leaves is spared; the rest of the home leaves', async () => {
  await settled(resources('  - {user: ann}\n  - {directory: /home/ann/data, owner: ann, keep: true}'))
  node.sh('echo x >/home/ann/data/x; echo y >/home/ann/y')
  await settled(nothing)
  assert.equal(
    sh('cd /home/ann; find . | sort; id -u ann 2>/dev/null || echo none'),
    '.\n./data\n./data/x\nnone',
  )
  await settled(resources('  []', ['x']))
  assert.equal(sh('ls -d /home/ann 2>/dev/null || echo gone'), 'gone')
  // The service keeps other data: its folder leaves last of all, and the home around it after it.
  await settled(resources('  - {user: ann}\n  - {directory: /home/ann/deep/data, owner: ann, keep: true}'))
  await settled(resources('  - {directory: /srv/bob, keep: true}', ['x']))
  assert.equal(sh('ls -d /home/ann 2>/dev/null || echo gone'), 'gone')
  await settled(resources('  []', ['x']))
  await settled(
    resources('  - {user: bob, home: /srv/bob}\n  - {directory: /srv/bob, owner: bob, keep: true}'),
  )
  node.sh('echo x >/srv/bob/x')
  await settled(nothing)
  assert.equal(sh('cat /srv/bob/x'), 'x')
  node.sh('rm -rf /srv/bob')
  await node.made(resources('  []', ['x']))
})

test('a folder that holds what stays leaves when that leaves', async () => {
  await settled(resources('  - {directory: /srv/p}\n  - {file: /srv/p/f, content: x}'))
  const { changes } = await settled(resources('  - {file: /srv/p/f, content: x}'))
  assert.deepEqual(said(changes), ['directory /srv/p stays: file:/srv/p/f stays'])
  await settled(nothing)
  assert.equal(sh('ls -d /srv/p 2>/dev/null || echo gone'), 'gone')
})

test('what a removal took along is made again in the same sync', async () => {
  const other = '{directory: /srv/q, mode: "0700"}, {file: /srv/q/f, content: x}'
  const services = [
    service('a', `{directory: /srv/q, mode: "0700"}, {git_checkout: /srv/q/code, repo: /tmp/o}`),
    service('b', other),
    service('c', '{link: /srv/q/f, to: /etc/passwd}'),
  ]
  await settled(nodeWith(services, ['b']))
  await settled(nodeWith(services, ['c']))
  assert.equal(sh('readlink /srv/q/f'), '/etc/passwd')
  await settled(nodeWith(services, ['b']))
  assert.equal(sh('cat /srv/q/f; stat -c .%a /srv/q'), 'x.700')
  await settled(nodeWith(services, []))
})
