import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { failOnLeaks } from '#testing/leaks.ts'
import { assertNothingLeft, type Fixture, node, pushes, startFixture } from './testing/fixture.ts'

failOnLeaks()

const base = (fixture: Fixture) => `http://127.0.0.1:${fixture.http.port}`

async function open(fixture: Fixture, token = 'good') {
  fixture.world.tokens.set('good', 'ann')
  const work = await (await fixture.client('ann')).tree()
  await work.must(
    'remote',
    'add',
    'origin',
    `${base(fixture).replace('//', `//ann:${token}@`)}/ann/infra.git`,
  )
  return work
}

const ask = (fixture: Fixture, path: string, init: RequestInit = {}) =>
  fetch(`${base(fixture)}${path}`, {
    ...init,
    headers: { authorization: 'Bearer good', ...(init.headers as Record<string, string>) },
  })

test('push, refusal, clone and fetch work over HTTP with a token', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web').replace('server', 'servr') })
  const refused = await work.git('push', 'origin', 'main')
  assert.notEqual(refused.code, 0)
  assert.match(refused.said, /remote: nodes\/web\.yml/)
  await assertNothingLeft(fixture)
  const commit = await work.commit({ 'nodes/web.yml': node('web') })
  const told = await work.git('push', 'origin', 'main')
  assert.equal(told.code, 0, told.said)
  assert.match(told.said, /remote: {3}\+ web {2}create/)
  assert.deepEqual(
    pushes(fixture).map(({ after, by }) => ({ after, by })),
    [{ after: commit, by: 'ann' }],
  )
  assert.match(await work.must('ls-remote', 'origin', 'main'), new RegExp(commit))
  assert.equal(
    (await work.git('clone', '-q', await work.must('remote', 'get-url', 'origin'), 'copy')).code,
    0,
  )
  assert.equal((await work.git('-c', 'protocol.version=0', 'fetch', '-q', 'origin')).code, 0)
})

test('a big push arrives in chunks', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const big = Array.from({ length: 150_000 }, (_, i) => `${i} ${Math.sin(i)}`).join('\n')
  await work.commit({ 'nodes/web.yml': node('web'), 'data/big.txt': big })
  const told = await work.git('push', 'origin', 'main')
  assert.equal(told.code, 0, told.said)
})

test('without a token, or with a wrong one, git is asked to sign in', async () => {
  await using fixture = await startFixture()
  for (const authorization of ['', 'Bearer bad', 'Basic !!!', `Basic ${btoa('ann:bad')}`, 'Digest x']) {
    const response = await fetch(`${base(fixture)}/ann/infra.git/info/refs?service=git-upload-pack`, {
      headers: authorization ? { authorization } : {},
    })
    assert.equal(response.status, 401, authorization)
    assert.match(response.headers.get('www-authenticate') ?? '', /^Basic realm="devo\.ps"/)
  }
})

test('who may read but not write is refused with 403', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  fixture.world.forbidden.add('ann repo.write ann/infra')
  await work.commit({ 'nodes/web.yml': node('web') })
  const told = await work.git('push', 'origin', 'main')
  assert.match(told.said, /403|may not repo\.write/)
  const response = await ask(fixture, '/ann/infra.git/info/refs?service=git-receive-pack')
  assert.equal(response.status, 403)
  assert.match(await response.text(), /ann may not repo\.write/)
})

test('only the three addresses of the protocol are served', async () => {
  await using fixture = await startFixture()
  await open(fixture)
  const wrong: [string, string][] = [
    ['GET', '/ann/infra.git/HEAD'],
    ['GET', '/ann/infra.git/config'],
    ['GET', '/ann/infra.git/objects/info/packs'],
    ['GET', '/ann/infra.git/info/refs'],
    ['GET', '/ann/infra.git/info/refs?service=git-upload-archive'],
    ['GET', '/ann/infra.git/git-upload-pack'],
    ['POST', '/ann/infra.git/info/refs?service=git-upload-pack'],
    ['GET', '/ann/../../etc/info/refs?service=git-upload-pack'],
    ['GET', '/%2e%2e/%2e%2e/info/refs?service=git-upload-pack'],
    ['GET', '/ann/.git/info/refs?service=git-upload-pack'],
    ['GET', '/ann/-x/info/refs?service=git-upload-pack'],
    ['GET', '/ann%2finfra.git/x/info/refs?service=git-upload-pack'],
    ['GET', '/ann/nothing/info/refs?service=git-upload-pack'],
  ]
  for (const [method, path] of wrong) {
    const response = await ask(fixture, path, { method })
    assert.equal(response.status, 404, `${method} ${path}`)
  }
})

test('a packed body is unpacked, and one that unpacks into too much is cut off', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const commit = await work.commit({ 'nodes/web.yml': node('web') })
  await work.must('push', 'origin', 'main')
  const post = (body: Buffer) =>
    ask(fixture, '/ann/infra.git/git-upload-pack', {
      method: 'POST',
      body: new Uint8Array(body),
      headers: { 'content-encoding': 'gzip', 'content-type': 'application/x-git-upload-pack-request' },
    })
  const response = await post(gzipSync(`0032want ${commit}\n00000009done\n`))
  assert.match(Buffer.from(await response.arrayBuffer()).toString('latin1'), /^0008NAK\nPACK/)
  const many = `0032want ${commit}\n0000${`0032have ${commit}\n`.repeat(400_000)}`
  await assert.rejects(post(gzipSync(many)).then((cut) => cut.arrayBuffer()))
})

test('a body that says that it is too big is refused before it is read', async () => {
  await using fixture = await startFixture()
  await open(fixture)
  const response = await ask(fixture, '/ann/infra.git/git-upload-pack', {
    method: 'POST',
    body: new Uint8Array(17 * 1024 * 1024),
  }).catch((error: Error) => error)
  // The client may see the answer, or only that the connection was closed while it still sent.
  if (response instanceof Response) assert.equal(response.status, 413)
  else assert.match(String(response.cause), /EPIPE|ECONNRESET|closed/)
})
