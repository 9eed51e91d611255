import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { onServer, server, type Watch, watch } from '#testing/story.ts'

let plane: Plane
let ann: Person
let clone: Clone
let see: Watch
const containers: Record<string, string> = {}

before(async () => {
  plane = await startPlane()
  ann = await plane.person('ann')
  clone = await ann.repository('shop')
  see = watch(ann, clone.repo, plane)
  clone.write({ 'nodes/web.yml': server('web'), 'nodes/db.yml': server('db') })
  const pushed = await clone.push()
  assert.equal(pushed.code, 0, pushed.text)
  for (const node of ['web', 'db']) {
    const container = (await see.synced(node)).server?.id ?? ''
    await onServer(container, 'echo precious > /srv/data')
    containers[node] = container
  }
})
after(() => plane?.[Symbol.asyncDispose]())

const tip = async () => (await ann.api<{ commit: string }>('GET', `/v1/repos/${clone.repo}`)).commit
const data = (node: string) => onServer(containers[node] ?? '', 'cat /srv/data')

/** The same commit again: refused before for want of consent. */
const again = (...options: string[]) =>
  clone.git('push', ...options.flatMap((option) => ['-o', option]), 'origin', 'HEAD')

test('a dry run shows what would be done, is refused because it was asked to, and does nothing', async () => {
  const before = await tip()
  clone.write({ 'nodes/web.yml': server('web', "services:\n  nginx: '*'\n") })
  const answer = await clone.push('nginx', ['dry-run'])
  assert.notEqual(answer.code, 0)
  assert.match(answer.text, /~ web {2}change/)
  assert.match(answer.text, /package:nginx/)
  assert.match(answer.text, /= unchanged: db/)
  assert.match(answer.text, /Refused because -o dry-run asked for it; nothing was changed/)
  assert.equal(await tip(), before)
  clone.write({ 'nodes/web.yml': server('web') })
})

test('a push that would replace and destroy servers is refused, and its words, typed, carry it out', async () => {
  // Another size is no reason to replace a container; an image that is named is.
  const other = server('web').replace('size: small', 'size: small\n  image: devops-node:12')
  clone.write({ 'nodes/web.yml': other, 'nodes/db.yml': null })
  const refused = await clone.push()
  assert.notEqual(refused.code, 0)
  assert.match(refused.text, /! web {2}replace/)
  assert.match(refused.text, /- db {2}destroy/)
  const [, typed = ''] = /If you mean it: git push (.*?)\s*$/m.exec(refused.text) ?? []
  assert.equal(typed, '-o destroy=db -o replace=web')
  assert.equal(await data('web'), 'precious\n')
  assert.equal(await data('db'), 'precious\n')

  const half = await again('replace=web')
  assert.notEqual(half.code, 0)
  assert.match(half.text, /If you mean it: git push -o destroy=db\s*$/m)
  assert.equal(await data('web'), 'precious\n')

  const accepted = await again('destroy=db', 'replace=web')
  assert.equal(accepted.code, 0, accepted.text)
  await see.gone('db')
  const web = await see.synced('web', await tip())
  assert.notEqual(web.server?.id, containers.web)
  await assert.rejects(data('db'))
  await assert.rejects(data('web'))
})

test('a repository that allows it loses servers without being asked', async () => {
  const set = await ann.devops('repo', 'settings', 'destroy', 'allow', '--repo', clone.repo)
  assert.equal(set.code, 0, set.text)
  clone.write({ 'nodes/web.yml': null, 'nodes/.keep': '' })
  const accepted = await clone.push()
  assert.equal(accepted.code, 0, accepted.text)
  assert.match(accepted.text, /- web {2}destroy/)
  await see.gone('web')
})

test('another active branch is followed by the servers, and one that would lose some is not', async () => {
  await ann.devops('repo', 'settings', 'destroy', 'ask', '--repo', clone.repo)
  await clone.git('checkout', '-q', '-b', 'live')
  clone.write({ 'nodes/app.yml': server('app') })
  const stored = await clone.push()
  assert.match(stored.text, /Branch live is stored, not applied: the servers follow main/)
  const set = await ann.devops('repo', 'settings', 'branch', 'live', '--repo', clone.repo)
  assert.equal(set.code, 0, set.text)
  await see.synced('app', await tip())
  const back = await ann.devops('repo', 'settings', 'branch', 'main', '--repo', clone.repo)
  assert.notEqual(back.code, 0)
  assert.match(back.text, /app: its descriptor is gone.*devops repo settings destroy allow/)
})
