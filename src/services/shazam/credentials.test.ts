import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Input } from '#contracts'
import { isProblem } from '#kit/problem.ts'
import { testParts } from '#testing/parts.ts'
import { checkCredential, openProvider } from './credentials.ts'
import { listOffers } from './offers.ts'
import type { Provider } from './providers/index.ts'
import { sshProvider } from './providers/ssh.ts'

const place = { repo: 'ann/shop', node: 'web' }

/** A provider that shows by what it was opened. */
const cloud = (by = 'nothing'): Provider => ({
  ...sshProvider,
  name: 'cloud',
  images: async () => [{ id: by, description: '' }],
  credential: {
    check: async ({ token }) => `account of ${token}`,
    open: ({ token }) => cloud(token),
  },
})
const providers = new Map([cloud(), sshProvider].map((one) => [one.name, one]))

test('a provider is opened by the credential that the descriptor names, asked of profiles for this node and purpose; what it offers for none', async () => {
  await using parts = await testParts()
  const uses: Input<'profiles.use_credential'>[] = []
  parts.bus.answer('profiles.use_credential', async (use) => {
    uses.push(use)
    return { fields: { token: 't1' } }
  })
  const opened = await openProvider(
    { bus: parts.bus, providers },
    place,
    { name: 'cloud', credential: 'main' },
    'create',
  )
  assert.equal((await opened.images())[0]?.id, 't1')
  assert.deepEqual(uses, [{ ...place, name: 'main', provider: 'cloud', purpose: 'create' }])
  const plain = await openProvider({ bus: parts.bus, providers }, place, { name: 'cloud' }, 'find')
  assert.equal((await plain.images())[0]?.id, 'nothing')
  assert.equal(uses.length, 1)
  const offered = await listOffers({ bus: parts.bus, providers })({
    repo: place.repo,
    provider: 'cloud',
    credential: 'main',
  })
  assert.deepEqual(offered.images, [{ id: 't1', description: '' }])
  const use = { repo: place.repo, node: null, name: 'main', provider: 'cloud', purpose: 'offers' }
  assert.deepEqual(uses[1], use)
})

test('what is no provider, and one that takes no credential, is refused', async () => {
  const check = (provider: string) => checkCredential({ providers })({ provider, fields: { token: 't' } })
  assert.deepEqual(await check('cloud'), { said: 'account of t' })
  await assert.rejects(check('ssh'), /provider ssh takes no credential/)
  await assert.rejects(check('nimbus'), (error) => isProblem(error, 'invalid'))
})
