import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { test } from 'node:test'
import ssh2 from 'ssh2'
import { newKeyPair } from '#kit/ssh-key.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { until } from '#testing/until.ts'
import { assertNothingLeft, type Fixture, node, open, startFixture } from './testing/fixture.ts'

failOnLeaks()

test('an accepted push is recorded before its refs move, with user, key, address and what moved; then its outcome', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const commit = await work.commit({ 'nodes/web.yml': node('web') })
  await work.must('push', 'origin', 'main')
  await until(() => fixture.world.audit.length === 2)
  const common = {
    actor: 'ann',
    via: 'key',
    credential: 'x',
    from: '127.0.0.1',
    action: 'git.push',
    repo: 'ann/infra',
    cause: 'git push over ssh',
  }
  assert.deepEqual(fixture.world.audit, [
    {
      ...common,
      details: { refs: [{ ref: 'refs/heads/main', before: null, after: commit }] },
      outcome: 'intent',
      of: null,
    },
    { ...common, details: {}, outcome: 'done', of: 1 },
  ])
})

test('a push that cannot be recorded is refused, and leaves nothing', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  fixture.world.auditBroken = true
  const told = await work.git('push', 'origin', 'main')
  assert.notEqual(told.code, 0)
  assert.match(told.said, /Refused: The audit cannot be written, so nothing was changed: the disk is full/)
  await assertNothingLeft(fixture)
})

/** A client that has asked for the refs, got them, and now keeps the session open. */
async function linger(fixture: Fixture) {
  const key = newKeyPair()
  fixture.world.keys.set(key.public.trim().split(' ').slice(0, 2).join(' '), 'bob')
  const client = new ssh2.Client()
  client.connect({ host: '127.0.0.1', port: fixture.ssh.port, username: 'git', privateKey: key.private })
  await once(client, 'ready')
  const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
    client.exec("git-upload-pack 'ann/infra.git'", (error, made) => (error ? reject(error) : resolve(made))),
  )
  let said = ''
  channel.stderr.on('data', (chunk) => {
    said += chunk
  })
  channel.resume()
  let over = false
  channel.on('close', () => {
    over = true
  })
  await once(channel, 'data')
  return { over: () => over, said: () => said, end: () => client.destroy() }
}

for (const [what, undo] of [
  ['a collaborator who is removed', (f: Fixture) => void f.world.forbidden.add('bob repo.read ann/infra')],
  ['somebody whose key is taken away', (f: Fixture) => f.world.keys.clear()],
] as const)
  test(`a session of git that is open ends with the right of ${what}, and says why`, async () => {
    await using fixture = await startFixture()
    const session = await linger(fixture)
    await fixture.clock.advance(2000)
    assert.equal(session.said(), '')
    undo(fixture)
    await until(async () => {
      await fixture.clock.advance(2000)
      return session.over()
    })
    assert.match(session.said(), /devo\.ps: (bob may not|Nobody is signed in)/)
    session.end()
  })

test('security 22: a request of git over HTTP that is under way ends when its token is revoked', async () => {
  await using fixture = await startFixture()
  fixture.world.tokens.set('devo_bob', 'bob')
  const sent = request({
    port: fixture.http.port,
    path: '/ann/infra.git/git-upload-pack',
    method: 'POST',
    // In version 2 git waits for the rest of the command; in version 0 this line is an error that ends it at once.
    headers: {
      authorization: 'Bearer devo_bob',
      'git-protocol': 'version=2',
      'transfer-encoding': 'chunked',
    },
  })
  let over = false
  sent.on('error', () => {})
  sent.on('close', () => {
    over = true
  })
  sent.on('response', (response) => response.resume().on('error', () => {}))
  sent.write('0014command=ls-refs\n')
  await until(async () => {
    await fixture.clock.advance(2000)
    return fixture.world.asked.length > 2
  })
  assert.equal(over, false, 'it is served as long as its token holds')
  fixture.world.tokens.clear()
  await until(async () => {
    await fixture.clock.advance(2000)
    return over
  })
})

const refusals = ({ world }: Fixture) => world.audit.filter(({ outcome }) => outcome === 'refused')

test('a refused push is in the audit with user, address, refs and why, and in few words', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': 'id: [' })
  await work.git('push', 'origin', 'main')
  const [bad] = refusals(fixture)
  assert.deepEqual(
    [bad?.actor, bad?.from, bad?.action, bad?.repo],
    ['ann', '127.0.0.1', 'git.push', 'ann/infra'],
  )
  assert.match(String(bad?.details.why), /^Refused: .*errors?\..* nodes\/web\.yml:1:/)
  assert.match(JSON.stringify(bad?.details.refs), /refs\/heads\/main/)
  const many = Object.fromEntries(
    Array.from({ length: 200 }, (_, i) => [`nodes/n${i}.yml`, `id: ${'x'.repeat(60)}: [`]),
  )
  await work.commit(many)
  await work.git('push', 'origin', 'main')
  assert.ok(String(refusals(fixture)[1]?.details.why).length <= 501)
  await work.commit({
    ...Object.fromEntries(Object.keys(many).map((path) => [path, null])),
    'nodes/web.yml': node('web'),
  })
  await work.git('push', '-o', 'colour=red', 'origin', 'main')
  assert.match(String(refusals(fixture)[2]?.details.why), /unknown push option "colour=red"/)
  await work.git('push', '-o', 'dry-run', 'origin', 'main')
  assert.equal(refusals(fixture).length, 3)
})

test('a push of somebody who may not is in the audit of the repository; one to a name that is none is not', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  fixture.world.forbidden.add('ann repo.write ann/infra')
  await work.git('push', 'origin', 'main')
  assert.equal(refusals(fixture).length, 1)
  assert.match(String(refusals(fixture)[0]?.details.why), /^Refused: ann may not/)
  fixture.world.forbidden.add('ann repo.write ann/nowhere')
  await work.git(
    'push',
    `${await work.must('remote', 'get-url', 'origin')}`.trim().replace('infra', 'nowhere'),
    'main',
  )
  assert.equal(refusals(fixture).length, 1)
})
