import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { compile } from './compile.ts'
import { quote } from './quote.ts'
import { type Converging, startConverging } from './testing/converging.ts'
import { catalog, catalogGraph, keys, nodeOf, platformKey, serviceOf } from './testing/graphs.ts'

/** Roles, rights and places of data on a real PostgreSQL, whose data are on a volume that outlives the server. */
let node: Converging
const volume = `devops-postgresql-${randomBytes(4).toString('hex')}`
const sh = (line: string) => node.sh(line).trim()
type Options = Record<string, unknown>
const wish = (postgresql: Options) => node.make(catalogGraph(['postgresql'], { postgresql }))
const wished = (postgresql: Options) => node.made(catalogGraph(['postgresql'], { postgresql }))
const sql = (text: string, database = 'postgres') =>
  sh(`cd / && runuser -u postgres -- psql -XAtqd ${database} -c ${quote(text)}`)
const as = (user: string, text: string, database = 'shop') =>
  sh(
    `PGPASSWORD=pw-${user} psql -XAtqw -h 127.0.0.1 -U ${user} -d ${database} -c ${quote(text)} 2>&1 || true`,
  )
const users = (...names: string[]) => names.map((name) => ({ name, password: `pw-${name}` }))
const all = (table: string) =>
  `select * from ${table}; insert into ${table} default values; update ${table} set id = id; delete from ${table}`

before(async () => {
  node = await startConverging({ volume: `${volume}:/var/lib/postgresql` })
  await wished({ users: users('shop'), databases: [{ name: 'shop', users: ['shop'] }] })
})
after(async () => {
  await node?.[Symbol.asyncDispose]()
  execFileSync('docker', ['volume', 'rm', volume], { stdio: 'pipe' })
})

test('a user that is added to a database has all rights on what is there, and on what comes', async () => {
  as(
    'shop',
    "create table old (id serial primary key); create schema deep; create table deep.old (id serial); create function f() returns int language sql as 'select 7'; revoke execute on function f() from public; create view seen as select 1 as one",
  )
  sql('create table by_hand (id serial)', 'shop')
  await wished({ users: users('shop', 'audit'), databases: [{ name: 'shop', users: ['shop', 'audit'] }] })
  for (const table of ['old', 'deep.old', 'by_hand']) assert.equal(as('audit', all(table)), '', table)
  assert.equal(as('audit', 'select f(); select one from seen'), '7\n1')
  as('shop', 'create schema later; create table later.new (id serial)')
  assert.equal(as('audit', all('later.new')), '')
  as('audit', 'create table theirs (id serial)')
  assert.equal(as('shop', all('theirs')), '')
  assert.deepEqual(
    (await wished({ users: users('shop', 'audit'), databases: [{ name: 'shop', users: ['shop', 'audit'] }] }))
      .did,
    [],
  )
})

test('what an extension keeps from others stays so', async () => {
  sql('create extension dblink', 'shop')
  await wished({ users: users('shop', 'audit'), databases: [{ name: 'shop', users: ['shop', 'audit'] }] })
  assert.match(as('audit', "select dblink_connect_u('a', 'dbname=shop')"), /permission denied/)
})

test('a new owner owns what the former one had in this database, and nothing that it has elsewhere', async () => {
  const two = [{ name: 'other', users: ['shop'] }]
  await wished({
    users: users('shop', 'audit'),
    databases: [{ name: 'shop', users: ['shop', 'audit'] }, ...two],
  })
  as('shop', 'create table stays (id serial)', 'other')
  await wished({
    users: users('shop', 'audit', 'boss'),
    databases: [{ name: 'shop', owner: 'boss', users: ['shop', 'audit'] }, ...two],
  })
  assert.equal(as('boss', 'alter table old add more int; alter table deep.old add more int'), '')
  assert.equal(as('shop', all('old')), '')
  assert.equal(as('shop', 'alter table stays add more int', 'other'), '')
  assert.equal(
    sql(
      "select string_agg(datname || ' ' || pg_get_userbyid(datdba), ', ' order by datname) from pg_database where datname in ('shop', 'other')",
    ),
    'other shop, shop boss',
  )
})

test('a user that is taken out of a database has no rights left there', async () => {
  await wished({
    users: users('shop', 'audit', 'boss'),
    databases: [
      { name: 'shop', owner: 'boss' },
      { name: 'other', users: ['shop'] },
    ],
  })
  assert.match(as('audit', 'select 1'), /permission denied for database/)
  sql('grant connect on database shop to audit')
  assert.match(as('audit', 'select * from old'), /permission denied for table old/)
  sql('revoke connect on database shop from audit')
  as('boss', 'create table newest (id serial)')
  assert.equal(
    sql(
      "select count(*) from pg_class, aclexplode(relacl) where pg_get_userbyid(grantee) = 'audit' and relowner <> grantee",
      'shop',
    ),
    '0',
  )
  assert.equal(
    sql(
      "select count(*) from pg_default_acl, aclexplode(defaclacl) where 'audit' in (pg_get_userbyid(grantee), pg_get_userbyid(defaclrole))",
      'shop',
    ),
    '0',
  )
})

test('roles and databases that were there keep all rights, and have back what they had', async () => {
  sql("create role admin superuser createdb login password 'pw-before'; comment on role admin is 'the admin'")
  sql("create role legacy nologin; create role reader login password 'pw-reader'; create role teller login")
  sql('create database legacy owner legacy')
  sql('grant connect on database legacy to reader')
  sql(
    'create table things (id serial); grant select on things to reader; alter table things owner to legacy',
    'legacy',
  )
  const roles = () =>
    sql(
      "select rolname, rolsuper, rolcreatedb, rolcanlogin, rolpassword, shobj_description(oid, 'pg_authid') from pg_authid where rolname in ('admin', 'legacy', 'reader', 'teller') order by 1",
    )
  const before = roles()
  const wishes = {
    users: users('shop', 'boss', 'admin', 'legacy'),
    databases: [
      { name: 'shop', owner: 'boss' },
      { name: 'other', users: ['shop'] },
      { name: 'legacy', users: ['shop', 'teller'] },
    ],
  }
  await wished(wishes)
  assert.equal(as('admin', "select rolsuper from pg_roles where rolname = 'admin'", 'postgres'), 't')
  assert.equal(as('legacy', 'alter table things add more int', 'legacy'), '')
  assert.equal(as('shop', all('things'), 'legacy'), '')
  assert.equal(as('reader', 'select count(*) from things', 'legacy'), '0')
  assert.deepEqual((await wished(wishes)).did, [])
  await wished({ users: users('shop', 'boss'), databases: wishes.databases.slice(0, 2) })
  assert.equal(roles(), before)
  assert.match(sh("PGPASSWORD=pw-before psql -XAtqw -h 127.0.0.1 -U admin -d postgres -c 'select 1'"), /^1$/)
  assert.equal(as('reader', 'select count(*) from things', 'legacy'), '0')
})

test('a user that is taken out can no longer log in, and its sessions end', async () => {
  sh(
    `PGPASSWORD=pw-shop psql -w -h 127.0.0.1 -U shop -d other -c 'select pg_sleep(600)' >/tmp/slept 2>&1 & echo`,
  )
  sh(
    `until [ "$(cd / && runuser -u postgres -- psql -XAtc "select count(*) from pg_stat_activity where usename = 'shop'")" = 1 ]; do sleep 0.1; done`,
  )
  await wished({ users: users('boss'), databases: [{ name: 'shop', owner: 'boss' }] })
  assert.match(as('shop', 'select 1', 'other'), /not permitted to log in|authentication failed/)
  assert.equal(sql("select count(*) from pg_stat_activity where usename = 'shop'"), '0')
  assert.equal(
    sql(
      "select count(*) from pg_class where relname = 'stays' and pg_get_userbyid(relowner) = 'shop'",
      'other',
    ),
    '1',
  )
})

const plain = { users: users('boss'), databases: [{ name: 'shop', owner: 'boss' }] }
const rows = () => sql('select count(*) from newest', 'shop')

for (const { title, options, words } of [
  {
    title: 'rules that it does not load',
    options: { clients: ['1::2::3/64'] },
    words: /invalid IP address|1::2::3/,
  },
  {
    title: 'a certificate that is not there',
    options: { ssl_cert_file: '/etc/ssl/none.pem' },
    words: /none\.pem/,
  },
  {
    title: 'a library that is not there',
    options: { settings: { shared_preload_libraries: 'nowhere' } },
    words: /nowhere/,
  },
  {
    title: 'a folder of logs in a value that it does not take',
    options: { settings: { log_destination: 'moon' } },
    words: /log_destination/,
  },
])
  test(`postgresql goes on with what it had when it is given ${title}, and its own words are told`, async () => {
    const { failed } = await wish({ ...plain, ...options })
    assert.match(`${JSON.stringify(failed)} ${node.lines.map(({ text }) => text).join('\n')}`, words)
    assert.notDeepEqual(failed, [])
    assert.equal(sql('select 1'), '1')
    sh("systemctl restart 'postgresql@*-main'")
    assert.equal(sql('select 1'), '1')
    await wished(plain)
    assert.deepEqual((await wished(plain)).did, [])
  })

test('data move with data_directory, and back', async () => {
  as('boss', 'insert into newest default values')
  const count = rows()
  const version = sh('devops-postgresql version')
  for (const [data_directory, place] of [
    ['/srv/pg/%v', `/srv/pg/${version}`],
    ['/srv/pg/elsewhere', '/srv/pg/elsewhere'],
    [undefined, `/var/lib/postgresql/${version}/main`],
  ] as const) {
    const options = data_directory ? { ...plain, data_directory } : plain
    await wished(options)
    assert.equal(sql('show data_directory'), place)
    assert.equal(rows(), count)
    assert.deepEqual((await wished(options)).did, [])
  }
  assert.equal(sh('find /srv/pg -name PG_VERSION -o -name "*devops*"'), '')
})

test('postgresql that was stopped, or was killed, has its data after a change of data_directory, also where the node purges all', async () => {
  const options = { users: users('shop'), databases: [{ name: 'shop', users: ['shop'] }] }
  await wished(options)
  as('shop', 'create table if not exists moving as select 7 as one')
  const app = serviceOf('app', 'resources: [{directory: /srv/app, keep: true}]')
  const of = (services: string[], data_directory: string | undefined) => {
    const configuration = { postgresql: data_directory ? { ...options, data_directory } : options }
    const node = { ...nodeOf(services, configuration), purge: true as const }
    return compile({ node, catalog: [...catalog, app], scope: {}, keys, platformKey })
  }
  for (const [how, services, data_directory] of [
    ['systemctl stop postgresql "postgresql@*-main"', ['postgresql', 'app'], '/srv/app/pg/%v'],
    // The folder around the data is purged with the service that has left.
    ['systemctl kill -s KILL "postgresql@*-main"', ['postgresql'], '/srv/app/pg/%v'],
    ['systemctl stop "postgresql@*-main"', ['postgresql'], undefined],
  ] as const) {
    sh(how)
    await node.made(of([...services], data_directory))
    assert.equal(as('shop', 'select one from moving'), '7')
    assert.deepEqual((await node.made(of([...services], data_directory))).did, [])
  }
  as('shop', 'drop table moving')
})

test('data whose move is killed in the middle of the copy are whole, and the next sync moves them', async () => {
  sql("create table big as select g, repeat('x', 500) from generate_series(1, 400000) g; checkpoint", 'shop')
  const count = sql('select count(*), sum(g) from big', 'shop')
  const version = sh('devops-postgresql version')
  const from = `/var/lib/postgresql/${version}/main`
  const cut = '/srv/cut.devops-new'
  // Another file system than the volume: the data are copied there.
  sh(`setsid sh -c 'until [ -e ${cut} ]; do :; done
        perl=$(pgrep -f "^/usr/bin/perl .*devops-postgresql move")
        kill -KILL $perl $(ps -o ppid= -p $perl) $(pgrep -x cp)
        echo cut >/tmp/cut' >/dev/null 2>&1 </dev/null &`)
  const { failed, lost } = await wish({ ...plain, data_directory: '/srv/cut' })
  assert.ok(failed.length > 0 || lost !== undefined)
  assert.equal(sh('until [ -e /tmp/cut ]; do sleep 0.1; done; cat /tmp/cut'), 'cut')
  assert.ok(Number(sh(`du -s ${cut} | cut -f1`)) < Number(sh(`du -s ${from} | cut -f1`)), 'cut too late')
  const options = { ...plain, data_directory: '/srv/cut' }
  await wished(options)
  assert.equal(sql('show data_directory'), '/srv/cut')
  assert.equal(sql('select count(*), sum(g) from big', 'shop'), count)
  assert.deepEqual((await wished(options)).did, [])
  assert.equal(sh(`ls -d ${cut} ${from} /srv/*.devops-* 2>/dev/null || true`), '')
  sql('drop table big', 'shop')
  await wished(plain)
})

test('data do not move into a folder that is not empty, and postgresql goes on', async () => {
  const count = rows()
  sh('mkdir -p /srv/full/x')
  const { failed } = await wish({ ...plain, data_directory: '/srv/full' })
  assert.match(JSON.stringify(failed), /\/srv\/full is not empty/)
  assert.equal(rows(), count)
  await wished(plain)
})

test('a server made again on its volume takes the data over, with other numbers for its users', async () => {
  const count = rows()
  sh("systemctl stop 'postgresql@*-main'")
  await node[Symbol.asyncDispose]()
  node = await startConverging({ volume: `${volume}:/var/lib/postgresql` })
  sh('for n in 1 2 3 4; do adduser --quiet --system --group --no-create-home a$n; done')
  await wished(plain)
  assert.equal(rows(), count)
  assert.equal(as('boss', 'select 1'), '1')
  assert.equal(sh('find /var/lib/postgresql ! -user postgres'), '')
  assert.deepEqual((await wished(plain)).did, [])
})

test('data of another version are named and never hidden behind an empty cluster', async () => {
  sh("systemctl stop 'postgresql@*-main'")
  await node[Symbol.asyncDispose]()
  node = await startConverging({ volume: `${volume}:/var/lib/postgresql` })
  sh('cd /var/lib/postgresql; mv * 13; echo 13 >13/main/PG_VERSION')
  const { failed } = await wish(plain)
  assert.match(
    JSON.stringify(failed),
    /\/var\/lib\/postgresql\/13\/main holds data of PostgreSQL 13, and this server gets PostgreSQL \d+/,
  )
  assert.equal(sh('ls /etc/postgresql; pgrep -x postgres || true'), '')
})
