import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isProblem } from '#kit/problem.ts'
import { NotLinked, sshProvider } from './ssh.ts'

const place = { repo: 'ann/site', node: 'old', token: 't' }
const wish = { ...place, descriptor: { name: 'ssh' }, publicKey: 'ssh-ed25519 AAAA' }
const final = (says: RegExp) => (error: unknown) =>
  isProblem(error, 'provider') && error.data.kind === 'final' && says.test(error.message)

test('a machine that exists is not made, resized nor switched: it waits for its link, and the rest is no matter of trying again', async () => {
  await assert.rejects(
    sshProvider.create(wish),
    (error) => error instanceof NotLinked && /waits to be linked: devops link old/.test(error.message),
  )
  await assert.rejects(sshProvider.resize(wish), final(/its size is not ours/))
  await assert.rejects(sshProvider.power(place, 'stop'), final(/its power is not ours/))
  assert.equal(sshProvider.canResize(wish.descriptor, { name: 'ssh', size: 2 }), false)
  assert.equal(await sshProvider.find(place), undefined)
})
