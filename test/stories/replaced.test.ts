import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { onServer, type Watch, watch } from '#testing/story.ts'

/** A server is made again by a push; what its volume holds is there before and after. */
let plane: Plane
let ann: Person
let clone: Clone
let see: Watch
let container = ''

const db = (provider: string) => `id: db
type: server
provider: {name: docker, ${provider}}
services: [postgresql]
configuration:
  postgresql:
    users: [{name: shop, password: shop-word}]
    databases: [{name: shop, users: [shop]}]
`
const volumes = "volumes: ['data:/var/lib/postgresql', 'files:/srv/files']"
const shop = (sql: string) =>
  onServer(container, `PGPASSWORD=shop-word psql -XAtqw -h 127.0.0.1 -U shop -d shop -c "${sql}"`)
const head = async () => (await clone.git('rev-parse', 'HEAD')).text.trim()

before(async () => {
  plane = await startPlane()
  ann = await plane.person('ann')
  clone = await ann.repository('replaced')
  see = watch(ann, clone.repo, plane)
  clone.write({ 'nodes/db.yml': db(volumes) })
  const pushed = await clone.push('a database')
  assert.equal(pushed.code, 0, pushed.text)
  container = (await see.synced('db')).server?.id ?? ''
  await shop('create table things (id int); insert into things values (1), (2)')
  await onServer(container, 'echo kept >/srv/files/one; echo lost >/srv/lost')
})
after(() => plane?.[Symbol.asyncDispose]())

test('a push that replaces a server says which of its volumes the new one has, and which it does not', async () => {
  clone.write({ 'nodes/db.yml': db(`image: 'devops-node:12', volumes: ['data:/var/lib/postgresql']`) })
  const refused = await clone.push('another image, and a volume less')
  assert.notEqual(refused.code, 0)
  assert.match(
    refused.text,
    /db: its server would be destroyed and made again, with all data but those of the volume data:\/var\/lib\/postgresql, which the new server has; the volume files:\/srv\/files stays at the provider, but the new server does not have it/,
  )
  assert.equal(await shop('select count(*) from things'), '2\n')
})

test('a PostgreSQL that is replaced by a push comes back with its data, users and rights', async () => {
  clone.write({ 'nodes/db.yml': db(`image: 'devops-node:12', ${volumes}`) })
  const refused = await clone.push('another image')
  assert.match(
    refused.text,
    /db: its server would be destroyed and made again, with all data but those of the volumes data:\/var\/lib\/postgresql, files:\/srv\/files, which the new server has/,
  )
  const former = container
  const accepted = await clone.git('push', '-o', 'replace=db', 'origin', 'HEAD')
  assert.equal(accepted.code, 0, accepted.text)
  container = (await see.synced('db', await head())).server?.id ?? ''
  assert.notEqual(container, former)
  assert.equal(await shop('select count(*) from things'), '2\n')
  await shop('insert into things values (3)')
  assert.equal(
    await onServer(container, 'cat /srv/files/one; ls /srv/lost 2>/dev/null || echo gone'),
    'kept\ngone\n',
  )
})

test('a second sync of the new server has nothing to do', async () => {
  const synced = await ann.devops('sync', 'db', '--repo', clone.repo)
  assert.equal(synced.code, 0, synced.text)
  await see.idle()
  const [work] = (await see.works()).filter(({ kind }) => kind === 'sync')
  assert.equal(work?.state, 'succeeded')
  const said = (await see.logs(`work=${work?.id}`)) as { text: string; stream?: string }[]
  const did = said.filter(({ stream }) => stream === 'platform').map(({ text }) => text)
  assert.deepEqual(
    did.filter((text) => !/^sync of \w+ (queued|succeeded)/.test(text)),
    [],
  )
})
