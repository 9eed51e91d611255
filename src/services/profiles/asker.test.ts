import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Asker } from '#contracts/profiles.ts'
import { isProblem } from '#kit/problem.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { PASSWORD, people, signIn, startProfiles } from './testing/world.ts'

failOnLeaks()

type World = Awaited<ReturnType<typeof startProfiles>>

/** Everything that takes an asker, done to the profile of somebody. */
const acts: Record<string, (world: World, user: string, asker: Asker) => Promise<unknown>> = {
  'a password': ({ bus }, user, asker) =>
    bus.ask('profiles.set_password', { asker, user, password: 'another horse' }),
  'a token': ({ bus }, user, asker) => bus.ask('profiles.create_token', { asker, user, title: 'more' }),
  'a key': ({ bus }, user, asker) =>
    bus.ask('profiles.add_key', { asker, user, key: newKeyPair('more').public }),
}

/** What a profile lets in. */
async function lettingIn({ bus }: World, user: string) {
  const tokens = await bus.ask('profiles.list_tokens', { user })
  const keys = await bus.ask('profiles.list_keys', { user })
  return [tokens.length, keys.length]
}

async function openWorld(): Promise<{ world: World; mine: (user: string) => Promise<Asker> }> {
  const world = await startProfiles()
  await people(world, 'ann', 'bob', 'eve')
  const { bus } = world
  await bus.ask('profiles.create_user', { name: 'root', admin: true })
  await bus.ask('profiles.create_user', { name: 'boss', admin: true })
  const mine = async (user: string) => {
    const { record } = await bus.ask('profiles.create_token', { user, title: 'used' })
    return { user, token: record.id }
  }
  return { world, mine }
}

for (const [what, act] of Object.entries(acts)) {
  test(`${what} that is asked for by a token which is revoked before it is made, is not made`, async () => {
    const { world, mine } = await openWorld()
    await using _ = world
    const { bus } = world
    const asker = await mine('ann')
    await bus.ask('profiles.revoke_token', { user: 'ann', id: asker.token ?? '' })
    const before = await lettingIn(world, 'ann')
    await assert.rejects(act(world, 'ann', asker), (error) => isProblem(error, 'unauthenticated'))
    assert.deepEqual(await lettingIn(world, 'ann'), before)
    await signIn(world, 'ann', PASSWORD)
  })

  test(`${what} for another is not made by who was an administrator, or is disabled, when it comes to it`, async () => {
    const { world, mine } = await openWorld()
    await using _ = world
    const { bus } = world
    const asker = await mine('boss')
    await bus.ask('profiles.update_user', { name: 'boss', admin: false })
    const before = await lettingIn(world, 'ann')
    await assert.rejects(act(world, 'ann', asker), (error) => isProblem(error, 'administrators_only'))
    await bus.ask('profiles.update_user', { name: 'boss', admin: true, disabled: true })
    await assert.rejects(act(world, 'ann', asker), (error) => isProblem(error, 'unauthenticated'))
    assert.deepEqual(await lettingIn(world, 'ann'), before)
    await signIn(world, 'ann', PASSWORD)
    await bus.ask('profiles.update_user', { name: 'boss', disabled: false })
    await act(world, 'ann', asker)
  })

  test(`${what} of one's own is made, and not by the token of somebody else`, async () => {
    const { world, mine } = await openWorld()
    await using _ = world
    const [own, other] = [await mine('ann'), await mine('eve')]
    await assert.rejects(act(world, 'ann', { ...own, token: other.token ?? '' }), (error) =>
      isProblem(error, 'unauthenticated'),
    )
    await act(world, 'ann', own)
  })
}

test('a change of the password ends the sign-in, and what that sign-in asked for a moment before is not made', async () => {
  const { world } = await openWorld()
  await using _ = world
  const { bus } = world
  const session = await bus.ask('profiles.create_token', { user: 'ann', title: 'sign-in', session: true })
  const asker = { user: 'ann', token: session.record.id }
  await bus.ask('profiles.set_password', { user: 'ann', password: 'another horse' })
  for (const act of Object.values(acts))
    await assert.rejects(act(world, 'ann', asker), (error) => isProblem(error, 'unauthenticated'))
  assert.deepEqual(await lettingIn(world, 'ann'), [0, 0])
  await signIn(world, 'ann', 'another horse')
})

test('a user is not made by who is no administrator any more once the password is hashed', async () => {
  const { world, mine } = await openWorld()
  await using _ = world
  const { bus } = world
  const asker = await mine('boss')
  await bus.ask('profiles.update_user', { name: 'boss', admin: false })
  const asked = bus.ask('profiles.create_user', { asker, name: 'new', password: PASSWORD })
  await assert.rejects(asked, (error) => isProblem(error, 'administrators_only'))
  assert.ok((await bus.ask('profiles.list_users', {})).every(({ name }) => name !== 'new'))
})
