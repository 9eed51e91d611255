import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { Graph } from './graph.ts'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf } from './testing/graphs.ts'
import { offerPackages } from './testing/packages.ts'

/** Graphs that are tried; DEVOPS_PROPERTY_RUNS=200 for the long run, DEVOPS_PROPERTY_SEED repeats one. */
const runs = Number(process.env.DEVOPS_PROPERTY_RUNS ?? 4)
const seed = Number(process.env.DEVOPS_PROPERTY_SEED ?? Date.now() % 2 ** 31)

let node: Converging
before(async () => {
  node = await startConverging()
  node.sh('apt-get -qq update; apt-get -qq -y install --no-install-recommends cron >/dev/null 2>&1')
  node.sh(
    offerPackages([
      { name: 'one', files: { '/etc/one.conf': 'x' } },
      { name: 'two', depends: 'three' },
      { name: 'three', files: { '/etc/three.conf': 'y' } },
    ]),
  )
  node.sh(`mkdir -p /srv/theirs/deep; echo theirs >/srv/theirs/file; ln -s file /srv/theirs/link; chmod 640 /srv/theirs/file
printf '[Service]\\nExecStart=/bin/sleep 1e6\\n' >/etc/systemd/system/theirs.service; systemctl daemon-reload
useradd -m warm; groupadd warm2; userdel -r warm 2>/dev/null; groupdel warm2; systemctl enable --now theirs 2>/dev/null; systemctl disable --now theirs 2>/dev/null; true`)
})
after(() => node?.[Symbol.asyncDispose]())

const name = fc.constantFrom('a', 'b', 'c', "it's", 'x y', '$(id)', 'é`;')
const folder = fc.constantFrom('/srv', '/srv/p', '/srv/p/q', '/srv/theirs', '/srv/theirs/deep', '/etc/own/er')
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }).map((each) => each.replaceAll('\0', '')),
  fc.constantFrom('', '\n', '$HOME `id` "q" \\ %s\r\n', 'BASE64\n}\n', 'y'.repeat(5000)),
)
const owner = fc.constantFrom('root', 'daemon', 'ann', 'bob')
const mode = fc.constantFrom('0644', '0600', '0755', '0700')
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })

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
    { user: 'ann' },
    { user: 'bob', groups: ['games'], shell: '/bin/sh', system: true },
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

/** The same thing is wished in one way only, each folder and owner that is used is wished too, where it is not there. */
function graphFrom(items: Record<string, unknown>[]): Graph {
  const wishes = new Map<string, Record<string, unknown>>()
  const add = (each: Record<string, unknown>) => {
    const clean = Object.fromEntries(Object.entries(each).filter(([, value]) => value !== undefined))
    const [kind, value] = Object.entries(clean)[0] ?? []
    const path = String(clean.file ?? clean.link ?? clean.directory ?? '')
    const key = path ? path : `${kind}:${value}`
    if (wishes.has(key)) return
    wishes.set(key, clean)
    for (const need of ['ann', 'bob']) if (clean.owner === need) add({ user: need })
    const above = path.slice(0, path.lastIndexOf('/'))
    if (path && !['', '/srv', '/etc', '/srv/theirs'].includes(above)) add({ directory: above })
  }
  for (const each of items) add(each)
  return graphOf(JSON.stringify({ resources: [...wishes.values()] }))
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
