import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Action, actions } from '#contracts/profiles.ts'
import { isProblem } from '#kit/problem.ts'
import { startProfiles } from './testing/world.ts'

const read: readonly Action[] = ['repo.read', 'var.read', 'secret.read', 'logs.read', 'collaborator.read']
const write: readonly Action[] = [
  ...read,
  'repo.write',
  'node.sync',
  'node.link',
  'node.ssh',
  'task.run',
  'task.cancel',
  'run.approve',
  'var.write',
  'secret.write',
]
const admin: readonly Action[] = [...write, 'audit.read', 'collaborator.write', 'settings.write']
const owner: readonly Action[] = [...admin, 'repo.delete', 'repo.create']

const may: Record<string, readonly Action[]> = {
  stranger: [],
  reader: read,
  writer: write,
  admin,
  ann: owner,
  root: actions,
}

test('each role may what the table says, every action tried with every role', async () => {
  await using parts = await startProfiles()
  const repo = 'ann/shop'
  for (const name of Object.keys(may))
    await parts.bus.ask('profiles.create_user', { name, admin: name === 'root' })
  for (const [user, role] of [
    ['reader', 'read'],
    ['writer', 'write'],
    ['admin', 'admin'],
  ] as const)
    await parts.bus.ask('profiles.set_collaborator', { repo, user, role })
  for (const [user, allowed] of Object.entries(may))
    for (const action of actions) {
      const answer = parts.bus.ask('profiles.authorize', { user, action, repo })
      if (allowed.includes(action)) await answer
      else {
        const code = user === 'stranger' && action !== 'repo.create' ? 'not_found' : 'forbidden'
        await assert.rejects(answer, (error) => isProblem(error, code), `${user} ${action}`)
      }
    }
})

test('without a repository, everybody may create one and only administrators may the rest', async () => {
  await using parts = await startProfiles()
  await parts.bus.ask('profiles.create_user', { name: 'ann' })
  await parts.bus.ask('profiles.create_user', { name: 'root', admin: true })
  await parts.bus.ask('profiles.authorize', { user: 'ann', action: 'repo.create' })
  await parts.bus.ask('profiles.authorize', { user: 'root', action: 'platform.read' })
  for (const action of actions.filter((one) => one !== 'repo.create'))
    await assert.rejects(
      parts.bus.ask('profiles.authorize', { user: 'ann', action }),
      (error) => isProblem(error, 'administrators_only') && /an administrator/.test(error.next),
      action,
    )
  await assert.rejects(
    parts.bus.ask('profiles.authorize', { user: 'ann', action: 'audit.read' }),
    /ann may not read the audit of the whole platform/,
  )
  await assert.rejects(
    parts.bus.ask('profiles.authorize', { user: 'ghost', action: 'repo.create' }),
    (error) => isProblem(error, 'unauthenticated'),
  )
})
