import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { renderShell } from '#language/shell.ts'
import { until } from '#testing/until.ts'
import type { OutputLine } from './apply.ts'
import { converge } from './converge.ts'
import type { Graph } from './graph.ts'
import { quote } from './quote.ts'
import type { Entry } from './resources/kind.ts'
import { catalog, catalogGraph, graphOf } from './testing/graphs.ts'
import { startServer, type TestServer } from './testing/server.ts'

/** One real server, changed by one test after the other, as servers are. */
let server: TestServer
let applied: Entry[] = []
const lines: OutputLine[] = []

before(async () => {
  server = await startServer()
})
after(() => server[Symbol.asyncDispose]())

async function make(graph: Graph, owned = applied) {
  lines.length = 0
  const trips = server.connection.trips
  const result = await converge({
    connection: server.connection,
    graph,
    applied: owned,
    onLine: (line) => lines.push(line),
  })
  applied = result.manifest
  return { ...result, trips: server.connection.trips - trips, did: changed(result.changes) }
}

/** A reload has begun when it returns: old workers may answer a moment longer. */
const served = (request: string, answer: RegExp) =>
  until(() => answer.test(server.sh(`curl -s ${request} || true`)))

const changed = (changes: { resource: string; verdict: string }[]) =>
  changes
    .filter(({ verdict }) => verdict !== 'no change' && verdict !== 'skipped')
    .map(({ resource }) => resource)

const site = { id: 'site', domain: 'example.com', routes: [{ uri: '/', type: 'static' }] }
const ok = { failed: [], lost: undefined }
const told = ({ failed, lost }: { failed: unknown[]; lost?: string }) => ({ failed, lost })
const packages = () => server.sh(`dpkg-query -W -f '\${Package} \${db:Status-Abbrev}\\n'`).split('\n')
let fresh: string[]

test('a bare server becomes a web server', async () => {
  await make(catalogGraph([]))
  fresh = packages()
  const result = await make(catalogGraph(['nginx'], { nginx: { vhosts: [site] } }))
  assert.deepEqual(told(result), { ...ok })
  server.sh('echo hello >/var/www/site/index.html')
  await served('-H "Host: example.com" localhost', /hello/)
  await served('http://nginx-status.localhost/nginx_status', /Active connections/)
  assert.equal(server.sh('hostname').trim(), 'web')
  assert.match(String((result.facts.services as { nginx: { version: string } }).nginx.version), /^1\./)
  assert.match(String(result.facts.pub_key), /^ssh-ed25519 /)
  assert.ok(lines.some(({ resource, text }) => resource === 'package:nginx' && /Setting up nginx/.test(text)))
})

test('the second time there is nothing to do, and one round trip says so', async () => {
  const result = await make(catalogGraph(['nginx'], { nginx: { vhosts: [site] } }))
  assert.deepEqual(
    { did: result.did, trips: result.trips, changed: result.changed, ...told(result) },
    { did: [], trips: 1, changed: 0, ...ok },
  )
})

test('one option changes its file and reloads, nothing else', async () => {
  const main = server.sh('systemctl show -P MainPID nginx')
  const result = await make(
    catalogGraph(['nginx'], { nginx: { vhosts: [site], http: { keepalive_timeout: 5 } } }),
  )
  assert.deepEqual(result.did, ['file:/etc/nginx/nginx.conf'])
  assert.match(
    result.changes.find(({ verdict }) => verdict === 'change')?.diff ?? '',
    /-.*timeout 65;\n\+.*timeout 5;/,
  )
  assert.deepEqual([result.trips, told(result)], [2, { ...ok }])
  assert.equal(server.sh('systemctl show -P MainPID nginx'), main)
})

test('what somebody changed by hand is put right', async () => {
  server.sh(
    'echo broken >/etc/nginx/sites-available/site; rm /etc/nginx/sites-enabled/site; systemctl stop nginx; chmod 666 /etc/sudoers.d/10-devops',
  )
  const result = await make(
    catalogGraph(['nginx'], { nginx: { vhosts: [site], http: { keepalive_timeout: 5 } } }),
  )
  assert.deepEqual(result.did, [
    'file:/etc/sudoers.d/10-devops',
    'file:/etc/nginx/sites-available/site',
    'link:/etc/nginx/sites-enabled/site',
    'unit:nginx',
  ])
  await served('-H "Host: example.com" localhost', /hello/)
})

test('content that the check refuses leaves the old file, and the server goes on', async () => {
  const before = server.sh('cat /etc/nginx/nginx.conf')
  const result = await make(
    catalogGraph(['nginx'], {
      nginx: { vhosts: [site], user: 'nobody-there', http: { keepalive_timeout: 5 } },
    }),
  )
  assert.match(
    result.failed.map(({ resource, reason }) => `${resource} ${reason}`).join(),
    /^file:\/etc\/nginx\/nginx.conf .*nobody-there/,
  )
  assert.equal(server.sh('cat /etc/nginx/nginx.conf'), before)
  assert.equal(server.sh('ls -A /etc/nginx | grep devops || true'), '')
  await served('-H "Host: example.com" localhost', /hello/)
})

test('a site is added and removed by commands, and one that nginx refuses changes nothing', async () => {
  const add = (site: object) => command('nginx', 'vhost add', { id: site })
  add({ id: 'shop', domain: 'shop.example.com', routes: [{ uri: '/', custom: "return 200 'shop';" }] })
  await served('-H "Host: shop.example.com" localhost', /^shop$/)
  assert.throws(
    () => add({ id: 'bad', domain: 'bad', routes: [{ uri: '/', custom: 'nonsense;' }] }),
    /nothing was changed/,
  )
  assert.throws(() => add({ id: 'shop', domain: 'bad', routes: [{ uri: '/', custom: 'nonsense;' }] }))
  server.sh('nginx -t -q && systemctl reload nginx')
  await served('-H "Host: shop.example.com" localhost', /^shop$/)
  command('nginx', 'vhost remove', { id: 'shop', purge: true })
  assert.equal(
    server.sh('ls -d /var/www/shop /etc/nginx/sites-*/shop /etc/nginx/sites-*/bad 2>/dev/null || true'),
    '',
  )
})

test('code is cloned, brought to a version, and a folder of it is published', () => {
  server.sh(
    `su devops -c 'git init -q --bare -b main ~/origin.git && git clone -q ~/origin.git ~/work 2>/dev/null'`,
  )
  command('git', 'config', { user: "Ann O'Neil", email: 'ann@example.com', path: null })
  server.sh(
    `su devops -c 'cd ~/work && mkdir site && echo one >site/index.html && git add . && git commit -qm one && git push -q'`,
  )
  const update = (version: string) =>
    command('git', 'update', { repo: '/home/devops/origin.git', dest: '/srv/my code', version })
  assert.match(update('HEAD'), /went from none|is at/)
  server.sh(
    `su devops -c 'cd ~/work && git tag v1 && echo two >site/index.html && git commit -qam two && git push -q --tags origin main'`,
  )
  assert.match(update('HEAD'), /went from/)
  assert.equal(server.sh('cat "/srv/my code/site/index.html"'), 'two\n')
  update('v1')
  assert.equal(server.sh('cat "/srv/my code/site/index.html"; stat -c %U "/srv/my code"'), 'one\ndevops\n')
  command('git', 'deploy', { repo: '/home/devops/work', source: 'site', branch: 'pages' })
  assert.equal(
    server.sh(
      `su devops -c 'git -C ~/origin.git show pages:index.html; git -C ~/origin.git log -1 --format=%an pages'`,
    ),
    "two\nAnn O'Neil\n",
  )
})

function command(id: string, name: string, options: object): string {
  const service = catalog.find((each) => each.id === id)
  const { script = '', user = 'root' } = service?.commands[name] ?? {}
  return server.sh(
    `su -s /bin/sh -l ${user} -c ${quote(renderShell(service?.templates[script] ?? '', { options }))} 2>&1 || { echo "$?"; exit 1; } >&2`,
  )
}

test('a site that is gone leaves, its data stay', async () => {
  const result = await make(catalogGraph(['nginx']))
  assert.deepEqual(told(result), { ...ok })
  assert.equal(server.sh('ls /etc/nginx/sites-available/site 2>/dev/null || echo gone').trim(), 'gone')
  assert.equal(server.sh('cat /var/www/site/index.html').trim(), 'hello')
  await served('localhost', /nginx runs here/)
})

test('a service that is gone leaves the node as it was', async () => {
  const result = await make(catalogGraph([]))
  assert.deepEqual(told(result), { ...ok })
  assert.deepEqual(packages(), fresh)
  assert.equal(server.sh('ls -d /etc/nginx /var/log/nginx 2>/dev/null || true'), '')
  assert.equal((await make(catalogGraph([]))).trips, 1)
})

test('what was on the node before us is given back', async () => {
  server.sh('echo theirs >/etc/theirs; chmod 640 /etc/theirs; apt-get -q -y install tree >/dev/null')
  const wish = graphOf(
    'resources: [{file: /etc/theirs, content: ours}, {package: tree}, {file: /etc/ours, content: ours}]',
  )
  const before = applied
  await make(wish, [])
  assert.equal(server.sh('cat /etc/theirs'), 'ours')
  await make(graphOf('resources: []'))
  assert.equal(
    server.sh('cat /etc/theirs; stat -c %a /etc/theirs; ls /etc/ours 2>&1 | tail -c 10; command -v tree'),
    'theirs\n640\ndirectory\n/usr/bin/tree\n',
  )
  applied = before
})

test('a failure stops what depends on it and nothing else', async () => {
  const before = applied
  const result = await make(
    graphOf(`resources:
  - command: fail
    run: echo why it failed; exit 3
    unless: 'false'
  - file: /etc/needs-it
    content: x
    requires: 'command:fail'
    notify: tell
  - file: /etc/stands-alone
    content: x
    notify: tell
handlers: {tell: {run: touch /etc/told}}`),
    [],
  )
  assert.deepEqual(result.failed, [{ resource: 'command:fail', reason: 'ended with 3: why it failed' }])
  assert.deepEqual(result.skipped, [
    { resource: 'file:/etc/needs-it', reason: 'it needs command:fail, which failed' },
  ])
  assert.equal(
    server.sh('ls /etc/needs-it /etc/stands-alone /etc/told 2>/dev/null || true'),
    '/etc/stands-alone\n/etc/told\n',
  )
  assert.deepEqual(
    result.manifest.map(({ id, incomplete }) => [id, incomplete ?? false]),
    [
      ['command:fail', true],
      ['file:/etc/stands-alone', false],
    ],
  )
  await make(graphOf('resources: []'))
  applied = before
})

test('output cannot pretend to be the end of an action', async () => {
  const before = applied
  const result = await make(
    graphOf(
      `resources: [{command: forge, run: "printf '\\\\n\\\\036%s end 0 0\\\\n' guess; exit 9", unless: 'false'}]`,
    ),
    [],
  )
  assert.equal(result.failed.length, 1)
  applied = before
})

test('a link that is lost in the middle costs nothing but time', async () => {
  const before = applied
  const wish = graphOf(`resources:
  - package: nginx
  - file: /etc/first
    content: x
    notify: tell
  - command: wait
    run: echo now; sleep 2; touch /etc/second
    creates: /etc/second
  - file: /etc/third
    content: x
handlers: {tell: {run: touch /etc/handled}}`)
  const cut = converge({
    connection: server.connection,
    graph: wish,
    applied: [],
    onLine: ({ text }) => text === 'now' && server.cut(),
  })
  const first = await cut
  assert.match(first.lost ?? '', /lost/)
  assert.ok(first.manifest.some(({ id }) => id === 'file:/etc/first'))
  assert.equal(server.sh('ls /etc/handled 2>/dev/null || true'), '')
  const second = await make(wish, first.manifest)
  assert.deepEqual(told(second), { ...ok })
  server.sh('ls /etc/first /etc/second /etc/third /etc/handled')
  assert.equal((await make(wish)).trips, 1)
  // Whose package it is is known to the node itself: even with the record lost it leaves.
  await make(graphOf('resources: []'), (await make(wish, [])).manifest)
  assert.deepEqual(
    packages().filter((line) => /nginx/.test(line)),
    [],
  )
  applied = before
})

test('an interrupted dpkg is repaired first', async () => {
  const before = applied
  server.sh(
    'apt-get -q -y install --download-only tree-puzzle jq >/dev/null; apt-get -q -y install jq >/dev/null; dpkg --unpack --force-all /var/cache/apt/archives/jq_*.deb >/dev/null',
  )
  assert.match(server.sh('dpkg --audit'), /jq/)
  const result = await make(graphOf('resources: [{package: bc}]'), [])
  assert.deepEqual(told(result), { ...ok })
  assert.equal(server.sh('dpkg --audit'), '')
  applied = before
})

test('content of any kind arrives as it is', async () => {
  const before = applied
  const nasty = `$(id) \`id\` 'x' "y" \\ \u001e %s é\nBASE64\nEOF\n}\nmain\r\n`
  const text = nasty.repeat(500)
  const path = "/etc/it's $(a) `test` é;x"
  const wish = graphOf(
    `resources: [{file: "${path}", content: '{{ nasty }}'}, {file: /etc/large, content: '{{ text }}'}]`,
    {},
    { nasty, text },
  )
  assert.deepEqual(told(await make(wish, [])), { ...ok })
  assert.deepEqual((await make(wish)).did, [])
  await make(graphOf('resources: []'))
  assert.equal(server.sh('ls /etc | grep -c test || true').trim(), '0')
  applied = before
})
