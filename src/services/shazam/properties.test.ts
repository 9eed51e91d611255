import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { Change } from '#contracts/shazam.ts'
import { compile } from './compile.ts'
import type { Graph } from './graph.ts'
import { normalPath } from './normal.ts'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf, keys, nodeOf, platformKey, serviceOf } from './testing/graphs.ts'
import { offerPackages } from './testing/packages.ts'

/** Graphs that are tried; DEVOPS_PROPERTY_RUNS=200 for the long run, DEVOPS_PROPERTY_SEED repeats one. */
const runs = Number(process.env.DEVOPS_PROPERTY_RUNS ?? 4)
const seed = Number(process.env.DEVOPS_PROPERTY_SEED ?? Date.now() % 2 ** 31)

let node: Converging
/** A second one that is like it: it gets only what is described in the end. */
let fresh: Converging
before(async () => {
  ;[node, fresh] = await Promise.all([startConverging(), startConverging()])
  for (const each of [node, fresh]) prepare(each)
})
after(async () => {
  await node?.[Symbol.asyncDispose]()
  await fresh?.[Symbol.asyncDispose]()
})

/** Packages that need one another, and things of its own. */
function prepare({ sh }: Converging): void {
  // Without the distribution's long lists apt is much faster.
  sh(
    'apt-get -qq update; apt-get -qq -y install --no-install-recommends cron >/dev/null 2>&1; rm -rf /var/lib/apt/lists/*',
  )
  sh(
    offerPackages([
      { name: 'one', files: { '/etc/one.conf': 'x' } },
      { name: 'two', depends: 'three' },
      { name: 'three', files: { '/etc/three.conf': 'y' } },
      {
        name: 'four',
        depends: 'two, five | six',
        scripts: { postrm: '[ "$1" != purge ] || rm -rf /srv/four' },
      },
      { name: 'five' },
      { name: 'six' },
      { name: 'own-one', depends: 'own-two' },
      { name: 'own-two', files: { '/etc/own-two.conf': 'z' } },
    ]),
  )
  sh('apt-get -qq -y install own-one >/dev/null 2>&1')
  sh(`mkdir -p /srv/theirs/deep; echo theirs >/srv/theirs/file; ln -s file /srv/theirs/link; chmod 640 /srv/theirs/file
printf '[Service]\\nExecStart=/bin/sleep 1e6\\n' >/etc/systemd/system/theirs.service; systemctl daemon-reload
useradd -m warm; groupadd warm2; userdel -r warm 2>/dev/null; groupdel warm2; systemctl enable --now theirs 2>/dev/null; systemctl disable --now theirs 2>/dev/null; true`)
}

const name = fc.constantFrom('a', 'b', 'c', "it's", 'x y', '$(id)', 'é`;')
const folder = fc.constantFrom('/srv', '/srv/p', '/srv/p/q', '/srv/theirs', '/srv/theirs/deep', '/etc/own/er')
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }).map((each) => each.replaceAll('\0', '')),
  fc.constantFrom('', '\n', '$HOME `id` "q" \\ %s\r\n', 'BASE64\n}\n', 'y'.repeat(5000)),
)
const owner = fc.constantFrom('root', 'daemon', 'ann', 'bob')
const mode = fc.constantFrom('0644', '0600', '0755', '0700')
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })

/** Described in one way only: keys that are not written are left as they are. */
const people = [{ user: 'ann' }, { user: 'bob', groups: ['games'], shell: '/bin/sh', system: true }]

const item = fc.oneof(
  fc.record({ directory: folder, owner: maybe(owner), mode: maybe(mode) }),
  fc
    .tuple(folder, name, text, maybe(owner), maybe(mode))
    .map(([at, file, content, owner, mode]) => ({ file: `${at}/${file}`, content, owner, mode })),
  fc.tuple(folder, name, folder).map(([at, link, to]) => ({ link: `${at}/l-${link}`, to })),
  fc.constant({ file: '/srv/theirs/file', content: 'ours' }),
  fc.constant({ link: '/srv/theirs/link', to: '/etc/passwd' }),
  fc.constant({ absent: '/srv/theirs/nothing' }),
  fc.record({ line: fc.constantFrom('a=1', "b='$x' \\", 'c'), in: fc.constant('/etc/environment') }),
  fc.constantFrom(
    { package: 'one' },
    { package: 'two' },
    { group: 'ann' },
    { group: 'staff2' },
    ...people,
    { cron: 'job', schedule: '@daily', run: 'echo 100%' },
    { sudoers: 'own', content: 'daemon ALL=(ALL) NOPASSWD: ALL\n' },
    { limits: 'own', lines: ['* soft nofile 1000'] },
    { host: 'db.internal', ip: '10.0.0.9' },
    { timezone: 'Europe/Berlin' },
    { unit: 'theirs', enabled: true, running: true },
    {
      unit: 'own',
      content: '[Service]\nExecStart=/bin/sleep 1e6\n[Install]\nWantedBy=multi-user.target\n',
      enabled: true,
      running: true,
    },
    { timer: 'tick', schedule: 'daily', run: 'true' },
    { certificate: '/etc/own.pem', key: '/etc/own.key', names: ['a.example'] },
    { mount: '/mnt/own', device: 'tmpfs', type: 'tmpfs' },
  ),
)

/** What overlaps with what leaves: folders in folders that hold data, homes, packages that others need, other names. */
const overlapping = fc.constantFrom(
  { package: 'two' },
  { package: 'three' },
  { package: 'four' },
  { package: 'five' },
  { package: 'six' },
  { package: 'own-one' },
  { package: 'own-two' },
  { directory: '/srv/p', keep: true },
  { directory: '/srv/p/q', keep: true },
  { directory: '/srv/p/q/r' },
  { directory: '/srv/four', keep: true },
  { directory: '/srv/theirs', keep: true },
  { directory: '/srv/theirs/deep', keep: true, mode: '0700' },
  { file: '/srv/p/q/f', content: 'x' },
  { file: '/srv//p/q/f', content: 'x' },
  { link: '/srv/p/f', to: '/srv/p/q/f' },
  { user: 'eve', home: '/srv/p/eve' },
  { directory: '/home/ann/data', owner: 'ann', keep: true },
  { mount: '/srv/p/m', device: 'tmpfs', type: 'tmpfs' },
  { unit: 'theirs.service', running: true },
)

/** The same thing is wished in one way only, each folder and owner that is used is wished too, where it is not there. */
function graphFrom(items: Record<string, unknown>[], purge: string[] = [], id = 'x'): Graph {
  const wishes = new Map<string, Record<string, unknown>>()
  const add = (each: Record<string, unknown>) => {
    const clean = Object.fromEntries(Object.entries(each).filter(([, value]) => value !== undefined))
    const [kind, value] = Object.entries(clean)[0] ?? []
    const path = normalPath(String(clean.file ?? clean.link ?? clean.directory ?? ''))
    const key = path ? path : `${kind}:${value}`
    if (wishes.has(key)) return
    wishes.set(key, clean)
    const owner = people.find(({ user }) => user === clean.owner)
    if (owner) add(owner)
    const above = path.slice(0, path.lastIndexOf('/'))
    if (path && !['', '/srv', '/etc', '/srv/theirs', '/home/ann'].includes(above)) add({ directory: above })
  }
  for (const each of items) add(each)
  const service = serviceOf(id, JSON.stringify({ resources: [...wishes.values()] }))
  return compile({ node: { ...nodeOf([id]), purge }, catalog: [service], scope: {}, keys, platformKey })
}

const inventory = () =>
  node.sh(`cd /; find etc srv mnt var/spool home -path etc/apt -prune -o -path etc/ssl/certs -prune -o -name '*-' -prune -o -name .pwd.lock -prune -o -name ld.so.cache -prune -o -printf '%p %y %m %u %g %l\\n' | sort
find etc srv mnt -path etc/apt -prune -o -name '*-' -prune -o -type f ! -name ld.so.cache ! -name .pwd.lock -print0 | sort -z | xargs -0 sha256sum
dpkg-query -W -f '\${Package} \${Version} \${db:Status-Status}\\n'
getent passwd; getent group
systemctl list-unit-files --no-legend | grep -v '^devops-guard'; systemctl is-active theirs own tick.timer || true
mount | grep -c /mnt || true; find /var/lib/devops/before /var/lib/devops/lines /var/lib/devops/archives -type f 2>/dev/null || true`)

/** Lines that are in one of both only. */
function moved(before: string, after: string): string[] {
  const [a, b] = [before.split('\n'), after.split('\n')].map((lines) => new Set(lines)) as [
    Set<string>,
    Set<string>,
  ]
  return [
    ...[...a.difference(b)].map((line) => `- ${line}`),
    ...[...b.difference(a)].map((line) => `+ ${line}`),
  ]
}

test(`plan after apply is empty, and prune returns a node to what it was (seed ${seed}, ${runs} graphs)`, async () => {
  const graphs = fc
    .array(item, { minLength: 1, maxLength: 14 })
    .map((items) => ({ items, graph: graphFrom(items) }))
  const before = inventory()
  for (const [at, { graph }] of fc.sample(graphs, { numRuns: runs, seed }).entries()) {
    const wish = JSON.stringify(graph.resources.map(({ id }) => id))
    await node.made(graph)
    const again = await node.made(graph)
    assert.deepEqual(
      [again.did, again.trips],
      [[], 1],
      `graph ${at}, ${wish}: ${JSON.stringify(again.changes)}`,
    )
    // Every second one is left by way of the next: what they have in common stays.
    if (at % 2 === 0) continue
    await node.made(graphOf('resources: []'))
    assert.deepEqual(moved(before, inventory()), [], `graph ${at}, ${wish}`)
  }
  await node.made(graphOf('resources: []'))
  assert.deepEqual(moved(before, inventory()), [])
})

/** Always the same graphs, unless another seed is given: each takes half a minute. */
const known = Number(process.env.DEVOPS_PROPERTY_SEED ?? 1)

/**
 * What there is on a server, read from itself, without what differs between two that are alike: numbers of users, keys
 * that are made there, the order of lines in files that are shared.
 */
const trace = ({ sh }: Converging): string =>
  sh(`cd /; find etc srv mnt home -path etc/apt -prune -o -path etc/ssl/certs -prune -o -name '*-' -prune -o -name .pwd.lock -prune -o -name ld.so.cache -prune -o -printf '%p %y %m %u %g %l\\n' | sort
find etc srv mnt home -path etc/apt -prune -o -name '*-' -prune -o -type f ! -path 'etc/own.*' ! -name ld.so.cache ! -name .pwd.lock ! -path etc/passwd ! -path etc/group ! -path etc/shadow ! -path etc/gshadow ! -path 'etc/sub[ug]id' ! -path etc/environment ! -path etc/fstab ! -path etc/hosts -print0 | sort -z | xargs -0 sha256sum
for f in environment fstab hosts; do sed "s/^/$f: /" /etc/$f 2>/dev/null | sort; done
dpkg-query -W -f '\${Package} \${Version} \${db:Status-Status}\\n'; apt-mark showauto | sed 's/$/ is a dependency/'
getent passwd | cut -d: -f1,6,7; getent group | cut -d: -f1,4
systemctl list-unit-files --no-legend | grep -v '^devops-guard'; systemctl is-active theirs own tick.timer || true
mount | grep -E ' /(mnt|srv)' | cut -d' ' -f1-5 | sort || true`)

interface Spared {
  names: string[]
  /** Why: the path that a purge would take. */
  path: string
}

/** Packages of which a plan has said that their configuration stays: their purge would take what is kept. */
const sparedBy = (changes: Change[]): Spared[] =>
  changes.flatMap(({ summary }) => {
    const [, name = '', path = '', along] =
      /^remove package (\S+), and keep its configuration and data: (\S+) is kept(?:; with it (.*), which)?/.exec(
        summary,
      ) ?? []
    return name === '' ? [] : [{ names: [name, ...(along?.split(', ') ?? [])], path }]
  })
const isSpared = (line: string, spared: Spared[]) =>
  spared
    .flatMap(({ names }) => names)
    .some((name) => line.startsWith(`+ ${name} 1.0 config-files`) || line.includes(` etc/${name}.conf`))

/** Of `five | six` that `four` needs, apt keeps the one that came with it, also when the other is described later. */
const isAlternative = (line: string, described: readonly string[]) =>
  /^\+ five (1\.0 installed|is a dependency)$/.test(line) &&
  described.includes('+ four 1.0 installed') &&
  described.includes('+ six 1.0 installed')

test(`what leaves and what is described overlap: one sync makes a server like a fresh one that got only the described (seed ${known}, ${runs} graphs)`, async () => {
  const items = fc.array(fc.oneof({ arbitrary: overlapping, weight: 3 }, { arbitrary: item, weight: 1 }), {
    minLength: 1,
    maxLength: 12,
  })
  const blank = { node: trace(node), fresh: trace(fresh) }
  const all = graphFrom([], ['x', 'y'])
  for (const [at, [first, then]] of fc
    .sample(fc.tuple(items, items), { numRuns: runs, seed: known })
    .entries()) {
    // Of another service: while one keeps data on a node, a purge leaves what it kept before.
    const told = `graph ${at}: ${JSON.stringify(first)} then ${JSON.stringify(then)}`
    const [before, described] = [graphFrom(first), graphFrom(then, ['x'], 'y')]
    await node.made(before)
    const { changes } = await node.made(described)
    const again = await node.made(described)
    const said = `${told}: ${JSON.stringify(changes.filter(({ verdict }) => verdict !== 'no change'))}`
    assert.deepEqual(again.did, [], said)
    await fresh.made(described)
    const spared = sparedBy(changes)
    const wanted = moved(blank.fresh, trace(fresh))
    const found = moved(blank.node, trace(node)).filter(
      (line) => !isSpared(line, spared) && (wanted.includes(line) || !isAlternative(line, wanted)),
    )
    assert.deepEqual(found.toSorted(), wanted.toSorted(), said)
    await node.made(all)
    await fresh.made(all)
    // What was held back once is left to the owner of the server.
    for (const { names, path } of spared)
      node.sh(
        `echo '${path} held back ${names.join(' ')}'; dpkg --purge ${names.join(' ')} 2>/dev/null || true`,
      )
    assert.deepEqual(moved(blank.node, trace(node)), [], said)
    assert.deepEqual(moved(blank.fresh, trace(fresh)), [], said)
  }
})
