import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startPlane } from '#testing/plane.ts'

const node = (keys: string) => `id: web\ntype: server\nprovider:\n  name: docker\n${keys}`

test('security 41: a push is told what its nodes may not ask of the platform’s own engine, and whose nodes it takes', async () => {
  await using plane = await startPlane(['--docker-port', '8000-8999', '--docker-for', 'ann'])
  const ann = await plane.person('ann')
  const mine = await ann.repository('shop')
  mine.write({ 'nodes/web.yml': node('  image: evil:1\n  ports: ["8080:80", "80:80"]\n') })
  const { code, text } = await mine.push('change', ['dry-run'])
  assert.notEqual(code, 0)
  assert.match(text, /nodes\/web\.yml:5:3.*image.*evil:1.*is not allowed.*devops-node:\*.*--docker-image/)
  assert.match(text, /nodes\/web\.yml:6:22.*host port 80 is not allowed.*8000-8999.*--docker-port/)
  assert.doesNotMatch(text, /8080 is not/)

  const bob = await plane.person('bob')
  const other = await bob.repository('shop')
  other.write({ 'nodes/web.yml': node('') })
  const refused = await other.push('change', ['dry-run'])
  assert.match(refused.text, /nodes\/web\.yml:3:1.*bob\/shop may have no nodes.*--docker-for/)
})
