import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import ssh2 from 'ssh2'
import type { Bus } from '#bus'
import { actions, type Role, roles, scopes } from '#contracts/profiles.ts'
import { Problem } from '#kit/problem.ts'
import { createSeal } from '#kit/seal.ts'
import { startService } from '#kit/service.ts'
import { createApp } from '#services/api/app.ts'
import { isAudited } from '#services/api/audit.ts'
import { createEventLog } from '#services/api/events.ts'
import type { Declaration } from '#services/api/route.ts'
import { routes } from '#services/api/routes.ts'
import { git } from '#services/git/index.ts'
import { profiles } from '#services/profiles/index.ts'
import { permissions, scopeOf } from '#services/profiles/permissions.ts'
import { type Cast, type Member, makeCast, REPO } from '#testing/cast.ts'
import { type TestParts, testParts } from '#testing/parts.ts'

/**
 * Every route and both doors of git, tried by everybody. What is expected follows from two tables alone: the routes and
 * the permissions. A new route is in the matrix by being in its table; one that names no known action fails.
 */

const stack = new AsyncDisposableStack()
const seal = createSeal([randomBytes(32)])
let parts: TestParts
let cast: Cast
let doors: { ssh: number; http: number }

before(async () => {
  parts = stack.use(await testParts())
  stack.use(await startService(profiles, parts, { passwordCost: { N: 16, r: 8, p: 1 }, seal }))
  cast = await makeCast(parts.bus, parts.clock)
  const folder = await mkdtemp(join(tmpdir(), 'devops-matrix-'))
  stack.defer(() => rm(folder, { recursive: true }))
  const at = { host: '127.0.0.1', port: 0 }
  const onListen = (found: { ssh: { port: number }; http: { port: number } }) => {
    doors = { ssh: found.ssh.port, http: found.http.port }
  }
  stack.use(await startService(git, parts, { folder, catalog: [], ssh: at, http: at, onListen }))
  for (const repo of [REPO, 'ann/other', 'eve/own'])
    await parts.bus.ask('git.create_repository', { repo, by: repo.split('/')[0] ?? '' })
})
after(() => stack.disposeAsync())

/** `in`: let through to the service that answers. */
type Verdict = 'in' | 401 | 403 | 404

const more = (role: Role, least: Role) => roles.indexOf(role) >= roles.indexOf(least)

/** The rule in one place, written once more and not taken from the code under test. */
function expected(
  { access, scope }: Pick<Declaration, 'access' | 'scope'>,
  who: Member,
  whose: string,
): Verdict {
  if (access === 'public') return 'in'
  if (who.nobody) return 401
  if (access === 'anybody') return 'in'
  const { reach } = who
  const elsewhere = reach.repo !== null && reach.repo !== REPO
  if (scope === 'repo' && elsewhere) return 404
  const least = permissions[access]
  const own = scope === 'self' && whose === who.user
  if (!who.admin && !own && least !== 'anyone') {
    if (scope === 'repo' && who.role === null) return 404
    if (scope !== 'repo' || least === 'administrator' || !who.role || !more(who.role, least)) return 403
  }
  const wide = scopes.indexOf(reach.scope) >= scopes.indexOf(scopeOf(access))
  return wide && (scope === 'repo' || reach.repo === null) ? 'in' : 403
}

/** profiles is real; whoever else is asked says that the question came through, and nothing happens. */
function gate(bus: Bus): Bus {
  const real: readonly string[] = ['profiles.authenticate', 'profiles.authorize', 'profiles.record_audit']
  const ask = (name: string, input: never) => {
    if (real.includes(name)) return bus.ask(name as never, input)
    throw new Problem('conflict', { reason: 'came through' })
  }
  return new Proxy(bus, { get: (target, key) => (key === 'ask' ? ask : Reflect.get(target, key, target)) })
}

async function openApi() {
  const { bus, clock, log } = parts
  const context = {
    bus: gate(bus),
    clock,
    log,
    events: createEventLog(),
    schemas: () => ({}),
    troubles: async () => [],
  }
  // Closing already: streams end at once.
  return createApp({ context, log, allowedHosts: [], closing: AbortSignal.abort() })
}

/** How many were let through to each route. */
const came = new Map<string, number>()

/** Of whoever came through to a route that changes something; with a body or a query that does not fit, nobody comes so far. */
async function everyChangeIsRecorded(): Promise<void> {
  const entries = await parts.store.db.selectFrom('profiles_audit').selectAll().execute()
  const intents = (id: string) =>
    entries.filter(({ action, outcome }) => action === id && outcome === 'intent').length
  for (const route of routes) {
    if (route.body || route.query) continue
    assert.equal(intents(route.id), isAudited(route) ? came.get(route.id) : 0, route.id)
  }
  assert.deepEqual((await parts.bus.ask('profiles.verify_audit', {})).faults, [])
}

const addressOf = (path: string, whose: string) =>
  path
    .replace(':owner/:repo', REPO)
    .replace(':user', whose)
    .replace(/:(\w+)/g, 'x')

test('security 20, 22: every route answers everybody as the tables say: routes, permissions, scopes', async () => {
  const app = await openApi()
  const wrong: string[] = []
  let tried = 0
  for (const route of routes) {
    if (route.access === 'public') continue
    for (const [name, who] of Object.entries(cast))
      for (const whose of route.scope === 'self' ? ['ann', who.user || 'x'] : ['ann']) {
        const { statusCode } = await app.inject({
          method: route.method,
          url: addressOf(route.path, whose),
          ...(who.token && { headers: { authorization: `Bearer ${who.token}` } }),
        })
        const found: Verdict =
          statusCode === 401 || statusCode === 403 || statusCode === 404 ? statusCode : 'in'
        const wanted = expected(route, who, whose)
        tried++
        if (wanted === 'in') came.set(route.id, (came.get(route.id) ?? 0) + 1)
        if (found !== wanted) wrong.push(`${route.id} by ${name} on ${whose}: ${statusCode}, not ${wanted}`)
      }
  }
  await app.close()
  assert.deepEqual(wrong, [])
  await everyChangeIsRecorded()
  console.log(`# ${routes.length} routes x ${Object.keys(cast).length}: ${tried} requests`)
})

test('security 20: every route names an action that the permissions know; of what changes something only sign-in and webhooks are public', () => {
  const known: readonly string[] = [...actions, 'anybody', 'public']
  assert.deepEqual(Object.keys(permissions).sort(), [...actions].sort())
  for (const { id, access, method } of routes) {
    assert.ok(known.includes(access), `${id}: no row for ${access}`)
    if (access === 'public' && method !== 'GET') assert.match(id, /^login$|webhook/i)
  }
})

test('security 25: a foreign page is refused by every route, whatever token it found, and so is a body that a form could send', async () => {
  const app = await openApi()
  const { token } = cast.administrator as Member
  for (const route of routes) {
    const url = addressOf(route.path, 'ann')
    for (const origin of ['https://evil.example', 'null']) {
      const answer = await app.inject({
        method: route.method,
        url,
        headers: { authorization: `Bearer ${token}`, origin },
      })
      assert.equal(answer.statusCode, 400, `${route.id} from ${origin}`)
      assert.match(answer.json().detail, /may not speak to this server/)
    }
    // What sends to a webhook is no browser, and proves by its signature who it is.
    if (route.method === 'GET' || /webhook/i.test(route.id)) continue
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      const headers = { authorization: `Bearer ${token}`, 'content-type': type }
      const payload = '{"role":"admin"}'
      const answer: { statusCode: number } = await app.inject({ method: route.method, url, headers, payload })
      assert.equal(answer.statusCode, 415, `${route.id} as ${type}`)
    }
  }
  await app.close()
})

test('security 20: nothing is served beside the table of routes', async () => {
  const app = await openApi()
  const served = [
    ...app.printRoutes({ commonPrefix: false, includeHooks: false }).matchAll(/\(([A-Z, ]+)\)/g),
  ]
  const count = served.flatMap(([, methods = '']) => methods.split(', ')).filter((one) => one !== 'HEAD')
  // The document of the API is the one that is not in its own table.
  assert.equal(count.length, routes.length + 1)
  await app.close()
})

for (const program of ['upload-pack', 'receive-pack'] as const) {
  const access = program === 'receive-pack' ? 'repo.write' : 'repo.read'

  test(`security 20: git-${program} over HTTP answers everybody as the tables say`, async () => {
    for (const [name, who] of Object.entries(cast)) {
      const response = await fetch(
        `http://127.0.0.1:${doors.http}/${REPO}.git/info/refs?service=git-${program}`,
        who.token ? { headers: { authorization: `Bearer ${who.token}` } } : {},
      )
      await response.arrayBuffer()
      const wanted = expected({ access, scope: 'repo' }, who, '')
      assert.equal(response.status, wanted === 'in' ? 200 : wanted, name)
    }
  })

  test(`security 20: git-${program} over SSH answers everybody as the tables say`, async () => {
    for (const [name, who] of Object.entries(cast)) {
      if (!who.key) continue
      const wanted = expected({ access, scope: 'repo' }, who, '')
      assert.equal(await knock(doors.ssh, who.key.private, `git-${program} '${REPO}.git'`), wanted, name)
    }
  })
}

/** What a command over SSH comes to: refs come, the key is refused, or the words of a refusal. */
function knock(port: number, privateKey: string, command: string): Promise<Verdict> {
  const client = new ssh2.Client()
  return new Promise<Verdict>((resolve, reject) => {
    client.on('error', (error: Error & { level?: string }) =>
      error.level === 'client-authentication' ? resolve(401) : reject(error),
    )
    client.on('ready', () =>
      client.exec(command, (error, channel) => {
        if (error) return reject(error)
        channel.once('data', () => resolve('in'))
        channel.stderr.once('data', (text) => resolve(/ may not /.test(String(text)) ? 403 : 404))
      }),
    )
    client.connect({ host: '127.0.0.1', port, username: 'git', privateKey })
  }).finally(() => client.destroy())
}
