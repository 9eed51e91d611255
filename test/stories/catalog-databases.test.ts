import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type ServiceStory, startServiceStory } from '#testing/service-story.ts'

/** Services that hold data: redis and postgresql, on one server. */
let story: ServiceStory
let bare: string

before(async () => {
  story = await startServiceStory('databases')
  await story.wish('db', [])
  bare = await inventory()
})
after(() => story?.[Symbol.asyncDispose]())

const sh = (line: string) => story.sh('db', line)
const run = (command: string, options = {}) => story.run('db', { run: `devops ${command}`, options })
const inventory = () =>
  sh(`find /etc /usr/local /var/lib /var/log /srv -xdev \\( -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /var/lib/ucf -o -path /var/log/apt -o -path /var/log/journal \\) -prune -o -print | grep -v ^/var/lib/devops | sort
     dpkg-query -W -f '\${db:Status-Abbrev} \${Package}\\n' | sort`)
const pid = async (unit: string) => (await sh(`systemctl show -P MainPID '${unit}'`)).trim()

const redis = (more = {}) => ({ redis: { security: { requirepass: 'first-password' }, ...more } })
const cli = (line: string, password = 'first-password') =>
  sh(`redis-cli --no-auth-warning -a '${password}' ${line}`)

test('redis runs with the options of its node, and asks for its password', async () => {
  await story.wish('db', ['redis'], redis({ limits: { maxmemory: 5_000_000, policy: 'allkeys-lru' } }))
  assert.equal(await sh('redis-cli ping'), 'NOAUTH Authentication required.\n\n')
  assert.equal(await cli('set key value'), 'OK\n')
  assert.match(await cli('config get maxmemory*'), /maxmemory\n5000000/)
  assert.match(await cli('config get maxmemory-policy'), /allkeys-lru/)
  const { facts } = await story.see.node('db')
  assert.match((facts.services as { redis: { version: string } }).redis.version, /^\d+\.\d+/)
  assert.deepEqual(await story.again('db'), [])
})

test('what redis can change while it runs is changed without a restart, the rest with one', async () => {
  const before = await pid('redis-server')
  const options = { limits: { maxmemory: 6_000_000 }, snapshotting: { save: [{ seconds: 5, changes: 7 }] } }
  const did = await story.wish('db', ['redis'], redis(options))
  assert.equal(did.length, 1, did.join('\n'))
  assert.match(did[0] ?? '', /change \/etc\/redis\/redis.conf/)
  assert.match(await cli('config get maxmemory'), /6000000/)
  assert.match(await cli('config get save'), /^save\n5 7$/m)
  assert.equal(await pid('redis-server'), before)
  await story.wish('db', ['redis'], redis({ ...options, databases: 3 }))
  assert.match(await cli('config get databases'), /^3$/m)
  assert.notEqual(await pid('redis-server'), before)
  assert.equal(await cli('get key'), 'value\n')
})

test('the file of the user is read last and outlives syncs', async () => {
  await sh('echo "slowlog-max-len 7" >>/etc/redis/local.conf')
  assert.match(await run('redis reload'), /what its files say/)
  assert.match(await cli('config get slowlog-max-len'), /^7$/m)
  assert.deepEqual(await story.again('db'), [])
})

test('all data of redis are written to a file that redis can read', async () => {
  assert.match(
    await run('redis database backup', { path: '/opt/backup/%Y' }),
    /\/opt\/backup\/\d{4}\/redis\/dump\.rdb, \d+ bytes/,
  )
  const file = `/opt/backup/${new Date().getFullYear()}/redis/dump.rdb`
  assert.match(await sh(`redis-check-rdb ${file}`), /1 keys read/)
  assert.equal(await sh(`stat -c '%a %U' ${file}`), '600 root\n')
})

test('redis is stopped, started and restarted by commands', async () => {
  const before = await pid('redis-server')
  const state = { run: 'systemctl is-active redis-server || true' }
  const text = await story.run(
    'db',
    { run: 'devops redis stop' },
    state,
    { run: 'devops redis start' },
    state,
  )
  assert.match(text, / inactive\n[\s\S]+ active\n/)
  const between = await pid('redis-server')
  await run('redis restart')
  assert.equal(new Set([before, between, await pid('redis-server')]).size, 3)
})

test('redis that is taken away leaves its data, and finds them again when it comes back', async () => {
  await story.wish('db', [])
  assert.equal(await sh('command -v redis-server; pgrep -x redis-server || echo gone'), 'gone\n')
  assert.match(await sh('ls /var/lib/redis'), /dump\.rdb/)
  await story.wish('db', ['redis'], redis({ snapshotting: { dir: '/var/lib/redis' } }))
  assert.equal(await cli('get key'), 'value\n')
  assert.match(await sh('cat /etc/redis/local.conf'), /slowlog-max-len 7/)
})

const postgresql = (more = {}) => ({
  postgresql: {
    users: [
      { name: 'shop', password: "it's $(a) password" },
      { name: 'audit', password: 'other' },
    ],
    databases: [{ name: 'shop', users: ['shop', 'audit'] }],
    ...more,
  },
})
const as = (user: string, password: string, sql: string, database = 'shop') =>
  sh(
    `PGPASSWORD='${password.replaceAll("'", `'\\''`)}' psql -XAtw -h 127.0.0.1 -U ${user} -d ${database} -c '${sql}' 2>&1 || true`,
  )
const shop = (sql: string) => as('shop', "it's $(a) password", sql)
const postmaster = async () =>
  (await sh('cat /var/lib/postgresql/*/main/postmaster.pid')).split('\n')[0] ?? ''

test('postgresql has the users, databases and rights of its node, and no new superuser', async () => {
  await story.wish('db', ['redis', 'postgresql'], { ...redis(), ...postgresql() })
  assert.equal(
    await shop('create table things (id int); insert into things values (1); select count(*) from things'),
    'CREATE TABLE\nINSERT 0 1\n1\n',
  )
  assert.equal(await as('audit', 'other', 'select count(*) from things'), '1\n')
  assert.match(await as('shop', 'wrong', 'select 1'), /password authentication failed/)
  assert.equal(
    await sh(`runuser -u postgres -- psql -XAtc "select rolname from pg_roles where rolsuper"`),
    'postgres\n',
  )
  assert.equal(
    await sh(
      `runuser -u postgres -- psql -XAtc "select pg_encoding_to_char(encoding), pg_get_userbyid(datdba) from pg_database where datname='shop'"`,
    ),
    'UTF8|shop\n',
  )
  const { facts } = await story.see.node('db')
  assert.match((facts.services as { postgresql: { version: string } }).postgresql.version, /^\d+/)
})

test('a second sync of both has nothing to do', async () => {
  assert.deepEqual(await story.again('db'), [])
})

test('postgresql is reloaded where that is enough, and restarted only where it is not', async () => {
  const before = await postmaster()
  const setting = (name: string) => sh(`runuser -u postgres -- psql -XAtc "show ${name}"`)
  const did = await story.wish('db', ['redis', 'postgresql'], {
    ...redis(),
    ...postgresql({ settings: { work_mem: '9MB' }, clients: ['10.9.0.0/16'] }),
  })
  assert.equal(did.length, 2, did.join('\n'))
  assert.equal(await setting('work_mem'), '9MB\n')
  assert.equal(await postmaster(), before)
  await story.wish('db', ['redis', 'postgresql'], {
    ...redis(),
    ...postgresql({ max_connections: 55, port: 5433 }),
  })
  assert.equal(await sh('runuser -u postgres -- psql -XAt -p 5433 -c "show max_connections"'), '55\n')
  assert.notEqual(await postmaster(), before)
  assert.deepEqual(await story.again('db'), [])
  await story.wish('db', ['redis', 'postgresql'], { ...redis(), ...postgresql() })
})

test('a setting that no PostgreSQL knows is refused at the push, one that this one does not know at the sync, and the server goes on', async () => {
  const { clone, see } = story
  const before = await postmaster()
  const node = (setting: string) =>
    `id: db\ntype: server\nprovider: {name: docker}\nservices: [redis, postgresql]\nconfiguration: {postgresql: {settings: {${setting}: 1}}}\n`
  clone.write({ 'nodes/db.yml': node('work_memm') })
  const refused = await clone.push('a slip')
  assert.notEqual(refused.code, 0)
  assert.match(
    refused.text,
    /nodes\/db\.yml:5:\d+ configuration\.postgresql\.settings\.work_memm: unknown key "work_memm", did you mean "work_mem"\?/,
  )
  // PostgreSQL 17 has it.
  clone.write({ 'nodes/db.yml': node('transaction_timeout') })
  await clone.push('a parameter of a later version')
  await see.eventually('a failed sync', async () =>
    (await see.works()).some(({ error }) => error?.includes('devops/postgresql.conf')),
  )
  assert.equal(await postmaster(), before)
})

test('a password is changed, and a user that is taken out can log in no more, without a loss', async () => {
  await story.wish('db', ['redis', 'postgresql'], {
    ...redis(),
    ...postgresql({
      users: [{ name: 'shop', password: 'changed' }],
      databases: [{ name: 'shop', users: ['shop'] }],
    }),
  })
  assert.equal(await as('shop', 'changed', 'select count(*) from things'), '1\n')
  assert.match(await shop('select 1'), /failed/)
  assert.match(await as('audit', 'other', 'select 1'), /not permitted to log in|failed/)
  assert.deepEqual(await story.again('db'), [])
})

test('a user without a password has one that was made for it, and a task can use it', async () => {
  await story.wish('db', ['redis', 'postgresql'], {
    ...redis(),
    ...postgresql({ users: [{ name: 'shop' }], databases: [{ name: 'shop', users: ['shop'] }] }),
  })
  assert.match(await as('shop', 'changed', 'select 1'), /failed/)
  const line =
    'PGPASSWORD={{ db.configuration.postgresql.users.shop.password }} psql -XAtw -h 127.0.0.1 -U shop -c "select count(*) from things"'
  assert.match(await story.run('db', { run: line }), / 1\n/)
  assert.deepEqual(await story.again('db'), [])
})

test('databases are dumped, each to a file that restores, with the roles beside them', async () => {
  const text = await run('postgresql database backup', { name: ['shop'], path: '/opt/backup/%Y' })
  const folder = `/opt/backup/${new Date().getFullYear()}/postgresql`
  assert.match(text, new RegExp(`${folder}/shop\\.dump, \\d+ bytes`))
  assert.equal(await sh(`ls ${folder}`), 'roles.sql\nshop.dump\n')
  assert.equal(
    await sh(
      `cd / && runuser -u postgres -- createdb restored && runuser -u postgres -- pg_restore -d restored <${folder}/shop.dump && runuser -u postgres -- psql -XAt -d restored -c 'select count(*) from things' && runuser -u postgres -- dropdb restored`,
    ),
    '1\n',
  )
  assert.match(
    await run('postgresql database backup', { path: '/opt/backup/all' }),
    /postgres\.dump[\s\S]+shop\.dump|shop\.dump[\s\S]+postgres\.dump/,
  )
})

test('postgresql is stopped, started, reloaded and restarted by commands', async () => {
  const before = await postmaster()
  const look = { run: 'pg_lsclusters -h' }
  const text = await story.run(
    'db',
    { run: 'devops postgresql stop' },
    look,
    { run: 'devops postgresql start' },
    look,
    { run: 'devops postgresql reload' },
  )
  assert.match(text, / down [\s\S]+ online /)
  const between = await postmaster()
  await run('postgresql restart')
  assert.equal(new Set([before, between, await postmaster()]).size, 3)
})

test('both are taken away and keep their data; purged, the server is what it was', async () => {
  await story.wish('db', [])
  assert.equal(
    await sh('pgrep -x postgres || echo gone; ls -d /var/lib/postgresql/*/main/base | wc -l'),
    'gone\n1\n',
  )
  await story.wish(
    'db',
    ['postgresql'],
    postgresql({
      users: [{ name: 'shop', password: 'changed' }],
      databases: [{ name: 'shop', users: ['shop'] }],
      unix_socket_directories: '/var/run/postgresql, /srv/sockets',
    }),
  )
  assert.match(await sh('ls -a /srv/sockets'), /\.s\.PGSQL\.5432/)
  assert.equal(await as('shop', 'changed', 'select count(*) from things'), '1\n')
  await story.wish('db', [], {}, { purge: true })
  const left = (await inventory()).split('\n').filter((line) => !bare.split('\n').includes(line))
  assert.deepEqual(left, [])
})
