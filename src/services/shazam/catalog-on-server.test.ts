import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { compile } from './compile.ts'
import { quote } from './quote.ts'
import { startBackends } from './testing/backends.ts'
import { type Converging, startConverging } from './testing/converging.ts'
import { catalogGraph, keys, nodeOf, platformKey, serviceOf } from './testing/graphs.ts'
import { hostile } from './testing/hostile-values.ts'
import { merged } from './testing/merged.ts'
import { base, type Configuration, password, prepared, shown } from './testing/shown-options.ts'

/**
 * What no story of the catalog pushes: values that look like an attack, in every program at once, and the options that
 * a database is rarely given. One server, made once.
 */
let node: Converging
const sh = (line: string) => node.sh(line).trim()
const services = ['nginx', 'nodejs', 'supervisord', 'redis', 'postgresql']
const wish = (more: Configuration) => node.made(catalogGraph(services, more))

/** A Redis that is not ours, for ours to follow; and folders of data elsewhere. */
const master = `install -d -m 700 /srv/master && redis-server --port 6400 --dir /srv/master --daemonize yes --repl-diskless-sync-delay 0 --requirepass ${quote(password)} >/dev/null`

/** The options of many cases in one configuration. */
const together = (cases: readonly { service: string; options: Record<string, unknown> }[]): Configuration =>
  merged(base, ...cases.map(({ service, options }) => ({ [service]: options }))) as Configuration
const everything = together(hostile)

before(async () => {
  node = await startConverging()
  // The container of this test has no users of its own to give; a server has.
  sh(
    "d=/etc/systemd/system/redis-server.service.d; mkdir -p $d; printf '[Service]\\nPrivateUsers=no\\n' >$d/test.conf",
  )
  await wish(everything)
})
after(() => node?.[Symbol.asyncDispose]())

for (const { service, title, look, shows } of hostile)
  test(`${service}: ${title}`, () => assert.match(sh(look), shows))

test('nothing of all that was run, and a second look has nothing to do', async () => {
  assert.equal(sh('ls -d /tmp/injected* 2>/dev/null || true'), '')
  assert.deepEqual((await wish(everything)).did, [])
})

test('routes of nginx reach a WebSocket, a FastCGI and a uWSGI program, and each of them sees the request', async () => {
  sh(startBackends)
  const host = sh('hostname -I').split(' ')[0]
  const answered = Promise.withResolvers<string>()
  const socket = new WebSocket(`ws://${host}:8088/socket?a=b`)
  socket.addEventListener('open', () => socket.send('hello'))
  socket.addEventListener('message', ({ data }) => answered.resolve(String(data)))
  socket.addEventListener('close', () => answered.reject(new Error('closed without an answer')))
  assert.match(await answered.promise, /^hello at \/socket\?a=b for \d+\.\d+\.\d+\.\d+$/)
  socket.close()
  assert.equal(sh('curl -s http://127.0.0.1:8088/run.cgi?a=b'), 'GET /run.cgi a=b')
  assert.equal(
    sh('curl -s -X POST -H "Host: py.example" http://127.0.0.1:8088/py/x?a=b'),
    'POST /py/x a=b py.example',
  )
})

const redis = (line: string, port = 6379) =>
  sh(`redis-cli --no-auth-warning -p ${port} -a ${quote(password)} ${line}`)

test('redis takes over a change while it runs, whatever its password holds', async () => {
  const pid = sh('systemctl show -P MainPID redis-server')
  await wish(merged(everything, { redis: { timeout: 5 } }) as Configuration)
  assert.equal(redis('config get timeout'), 'timeout\n5')
  assert.equal(sh('systemctl show -P MainPID redis-server'), pid)
})

test('redis writes every change to a file in a folder of its own, and has it again after it died', () => {
  assert.equal(redis('set key value'), 'OK')
  sh(
    'systemctl kill -s KILL redis-server; systemctl reset-failed redis-server; systemctl restart redis-server',
  )
  sh('until redis-cli ping >/dev/null 2>&1; do sleep 0.1; done')
  assert.match(sh('ls -R /srv/redis'), /log\.aof/)
  assert.equal(redis('get key'), 'value')
})

test('redis follows another one with its password, refuses to write, and is its own master again', async () => {
  sh(master)
  redis('set theirs yes', 6400)
  const replication = { is_slave: true, masterip: '127.0.0.1', masterport: 6400, masterauth: password }
  await wish({ ...everything, redis: { ...base.redis, replication } })
  sh(
    `until redis-cli --no-auth-warning -a ${quote(password)} info replication | grep -q master_link_status:up; do sleep 0.1; done`,
  )
  assert.equal(redis('get theirs'), 'yes')
  assert.match(redis('set ours yes || true'), /READONLY/)
  await wish(everything)
  assert.equal(redis('set ours yes'), 'OK')
  sh(`redis-cli --no-auth-warning -p 6400 -a ${quote(password)} shutdown nosave`)
})

const psql = (sql: string) => sh(`runuser -u postgres -- psql -XAtc ${quote(sql)}`)

test('postgresql keeps a new cluster where it is told to, and lets in the networks that are named, over TLS alone', () => {
  assert.equal(psql('show data_directory'), `/srv/postgresql/${sh('devops-postgresql version')}`)
  assert.equal(sh('ls /var/lib/postgresql'), '')
  assert.equal(
    psql(
      "select type, address from pg_hba_file_rules where address is not null and address not in ('127.0.0.1', '::1')",
    ),
    'hostssl|10.9.0.0\nhostssl|samenet',
  )
  assert.match(
    sh("PGPASSWORD=x psql 'host=127.0.0.1 user=nobody dbname=postgres sslmode=require' 2>&1 || true"),
    /password authentication failed/,
  )
})

test('postgresql without TLS offers none, and its networks come in without it', async () => {
  await wish({ ...everything, postgresql: { ...everything.postgresql, ssl: false } })
  assert.equal(
    psql("show ssl; select distinct type from pg_hba_file_rules where address = 'samenet'"),
    'off\nhost',
  )
  assert.match(
    sh("PGPASSWORD=x psql 'host=127.0.0.1 user=nobody dbname=postgres sslmode=require' 2>&1 || true"),
    /does not support SSL/,
  )
})

test('every option at another value than its default is what the program says it has, and a second look has nothing to do', async (t) => {
  sh(prepared)
  const unusual = together([...hostile, ...shown])
  await wish(unusual)
  for (const { service, options, look, shows } of shown)
    await t.test(`${service} ${JSON.stringify(options)}`, () => assert.match(sh(look), shows))
  assert.deepEqual((await wish(unusual)).did, [])
})

test('options that are taken out again are at their defaults, and the units as the distribution has them', async () => {
  await wish(everything)
  assert.equal(
    sh('cd /etc/systemd/system; ls -d nginx.service.d postgresql@.service.d 2>/dev/null || true'),
    '',
  )
  assert.equal(sh('cat /run/nginx.pid'), sh('systemctl show -P MainPID nginx'))
  assert.equal(
    sh("cat /run/postgresql/*-main.pid; pg_lsclusters -h | awk '{print $3, $4}'"),
    `${sh("systemctl show -P MainPID 'postgresql@*-main.service'")}\n5432 online`,
  )
  assert.equal(redis('config get timeout'), 'timeout\n0')
})

test('the service of the checklist works as it is written there, and leaves nothing', async () => {
  const checklist = readFileSync(resolve(import.meta.dirname, '../../../docs/checklists/service.md'), 'utf8')
  const [text = '', template = ''] = [...checklist.matchAll(/^ {3}```(?:yaml)?\n([\s\S]+?)^ {3}```/gm)].map(
    ([, block = '']) => block.replace(/^ {3}/gm, ''),
  )
  const service = serviceOf('memcached', text, { 'memcached.conf': template })
  const graph = (ids: string[]) =>
    compile({ node: nodeOf(ids), catalog: [service], scope: {}, keys, platformKey })
  // The rest of what is there is somebody else's from here on.
  node.applied = []
  const trace = () => sh('ls /etc/memcached* 2>/dev/null; dpkg -l memcached 2>/dev/null | grep -c ^ii; true')
  const before = trace()
  await node.made(graph(['memcached']))
  assert.match(sh('ps -o args= -C memcached'), / -m 64 .*-l 127\.0\.0\.1/)
  assert.deepEqual((await node.made(graph(['memcached']))).did, [])
  await node.made(graph([]))
  assert.equal(trace(), before)
})
