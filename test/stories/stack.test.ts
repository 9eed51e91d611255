import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { resolve } from 'node:path'
import { after, before, test } from 'node:test'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { onServer, type Watch, watch } from '#testing/story.ts'

/** examples/stack, pushed as it is: three servers that know of each other only what the platform tells them. */
let plane: Plane
let ann: Person
let clone: Clone
let see: Watch
const servers = new Map<string, { id: string; host: string }>()

before(async () => {
  plane = await startPlane()
  ann = await plane.person('ann')
  clone = await ann.repository('stack')
  see = watch(ann, clone.repo, plane)
  cpSync(resolve(import.meta.dirname, '../../examples/stack'), clone.folder, { recursive: true })
  const pushed = await clone.push('Three servers')
  assert.equal(pushed.code, 0, pushed.text)
})
after(() => plane?.[Symbol.asyncDispose]())

const devops = (...args: string[]) => ann.devops(...args, '--repo', clone.repo)
const on = (node: string, line: string) => onServer(servers.get(node)?.id ?? '', line)
const page = () => on('web', 'curl -sS --max-time 20 http://127.0.0.1/')
/** How many syncs of a node have succeeded so far. */
const syncs = async () => {
  const done = (await see.works()).filter(({ kind, state }) => kind === 'sync' && state === 'succeeded')
  const of = (id: string) => done.filter(({ nodes }) => nodes.includes(id)).length
  return { db: of('db'), app: of('app') }
}
const visits = (text: string) => Number(/^visits (\d+)$/m.exec(text)?.[1])

test('examples/stack, pushed as it is, ends in a page through nginx with data of PostgreSQL and Redis', async () => {
  const [run] = await see.ended('deploy')
  assert.equal(run?.state, 'succeeded', JSON.stringify(run))
  for (const id of ['db', 'app', 'web']) {
    const { server } = await see.synced(id)
    assert.ok(server)
    servers.set(id, server)
  }
  const first = await page()
  assert.match(first, /^Everything fresh\napples 2\.40\npears 3\.10\nvisits \d+\n$/)
  assert.equal(visits(await page()), visits(first) + 1)
})

test('the app comes to PostgreSQL over TLS, and no other machine is let in', async () => {
  const sessions = await on(
    'db',
    `runuser -u postgres -- psql -XAtc "select distinct client_addr, ssl from pg_stat_activity join pg_stat_ssl using (pid) where usename = 'shop'"`,
  )
  const app = await on('app', "hostname -I | cut -d' ' -f1")
  assert.equal(sessions, `${app.trim()}|t\n`)
  const stranger = 'PGPASSWORD=x psql -w -h $(hostname -I | cut -d" " -f1) -U shop shop 2>&1 || true'
  assert.match(await on('db', stranger), /no pg_hba\.conf entry/)
})

test('a second sync of each has nothing to do', async () => {
  for (const node of ['db', 'app', 'web']) {
    const plan = await devops('plan', node)
    assert.match(plan.text, new RegExp(`^${node}: no change, as of now`), plan.text)
  }
})

test('a password that is rotated reaches both servers, and the page goes on counting', async () => {
  const before = visits(await page())
  const synced = await syncs()
  const rotated = await devops('password', 'rotate', 'passwords.redis')
  assert.equal(rotated.code, 0, rotated.text)
  await see.eventually('syncs of db and app', async () => {
    const now = await syncs()
    return now.db > synced.db && now.app > synced.app
  })
  await see.idle()
  const next = await see.eventually('the page', async () => visits(await page()))
  assert.equal(next, before + 1)
})

test('its deploy task brings what changed, and keeps the data', async () => {
  const before = visits(await page())
  const { code, text } = await devops('run', 'deploy', '--var', 'motto=Now with plums')
  assert.equal(code, 0, text)
  const now = await page()
  assert.match(now, /^Now with plums\napples 2\.40\n/)
  assert.ok(visits(now) > before, now)
})
