import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { failOnLeaks } from '#testing/leaks.ts'
import type { Client } from './testing/client.ts'
import { type Fixture, node, open, sshUrl, startFixture } from './testing/fixture.ts'

failOnLeaks()

const ssh = (fixture: Fixture, client: Client, ...args: string[]) => {
  const [command = '', ...own] = (client.env.GIT_SSH_COMMAND ?? '').split(' ')
  return client.run(command, [...own, '-p', String(fixture.ssh.port), 'git@127.0.0.1', ...args])
}

test('who has no key on record is not let in, and no password is asked for', async () => {
  await using fixture = await startFixture()
  const client = await fixture.client('ann')
  fixture.world.keys.clear()
  const told = await client.run('git', ['ls-remote', sshUrl(fixture)])
  assert.notEqual(told.code, 0)
  assert.match(told.said, /Permission denied \(publickey\)/)
})

test('a key is looked up only after its owner proved to have it, and again for each command', async () => {
  await using fixture = await startFixture()
  const client = await fixture.client('ann')
  await client.run('git', ['ls-remote', sshUrl(fixture)])
  assert.equal(fixture.world.asked.length, 2)
  const [asked] = fixture.world.asked
  assert.ok(asked?.kind === 'key' && /^ssh-ed25519 [A-Za-z0-9+/=]+$/.test(asked.key))
})

for (const type of ['rsa', 'ecdsa'])
  test(`a key of type ${type} is as good`, async () => {
    await using fixture = await startFixture()
    const client = await fixture.client('ann')
    const key = join(client.folder, type)
    await client.run('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', key])
    const [algorithm, base64] = (await readFile(`${key}.pub`, 'utf8')).split(' ')
    fixture.world.keys.set(`${algorithm} ${base64}`, 'ann')
    const told = await client.run('git', ['ls-remote', sshUrl(fixture)], client.folder, {
      GIT_SSH_COMMAND: `${client.env.GIT_SSH_COMMAND} -i ${key}`.replace(/-i \S+\/key /, ''),
    })
    assert.equal(told.code, 0, told.said)
  })

test('a shell is answered with a friendly sentence and an end', async () => {
  await using fixture = await startFixture()
  const client = await fixture.client('ann')
  const told = await ssh(fixture, client)
  assert.equal(told.code, 1)
  assert.match(told.said, /Hi ann! You are signed in to devo\.ps, but there is no shell here/)
  assert.match((await ssh(fixture, client, '-t', '-t')).said, /PTY allocation request failed/)
})

test('a repository that is not there and one that is forbidden are told apart from an error of the network', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const missing = await work.git('ls-remote', sshUrl(fixture, 'ann/nothing'))
  assert.match(missing.said, /There is no repository ann\/nothing/)
  fixture.world.forbidden.add('ann repo.write ann/infra')
  await work.commit({ 'nodes/web.yml': node('web') })
  const forbidden = await work.git('push', 'origin', 'main')
  assert.match(forbidden.said, /ann may not repo\.write ann\/infra/)
  assert.equal((await work.git('ls-remote')).code, 0)
})

test('git archive works', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  await work.must('push', 'origin', 'main')
  const told = await work.git('archive', `--remote=${sshUrl(fixture)}`, '--format=tar', 'main')
  assert.equal(told.code, 0, told.said)
  assert.match(told.said, /nodes\/web\.yml/)
})

test('the host key is private and stays the same over a restart', async () => {
  await using fixture = await startFixture()
  const path = join(fixture.folder, 'git/ssh_host_ed25519_key')
  const before = await readFile(path, 'utf8')
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  await fixture.restart()
  assert.equal(await readFile(path, 'utf8'), before)
  const client = await fixture.client('ann')
  assert.equal((await client.run('git', ['ls-remote', sshUrl(fixture)])).code, 0)
})

test('a repository of some size goes in and out whole', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const big = Array.from({ length: 300_000 }, (_, i) => `${i} ${Math.sin(i)}`).join('\n')
  await work.commit({ 'nodes/web.yml': node('web'), 'data/big.txt': big })
  await work.must('push', 'origin', 'main')
  const clone = await work.client.run('git', ['clone', '-q', sshUrl(fixture), 'copy'])
  assert.equal(clone.code, 0, clone.said)
  assert.equal(await readFile(join(work.client.folder, 'copy/data/big.txt'), 'utf8'), big)
})
