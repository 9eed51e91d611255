import assert from 'node:assert/strict'
import { test } from 'node:test'
import { graphOf } from '../testing/graphs.ts'
import { withoutLogin } from './login.ts'

for (const info of [
  'ann%0ahost=evil.example:word',
  'ann:word%0Ahost%3Devil.example',
  'ann:word%0d%0ahost=evil.example',
  'ann%00:word%0b',
  'ann:word%C2%85host=evil.example',
])
  test(`security 35: a line break in the login ${info} adds no field to what git is answered`, () => {
    const { address, login = '' } = withoutLogin(`https://${info}@example.com/x.git`)
    assert.equal(address, 'https://example.com/x.git')
    assert.deepEqual(
      login.split('\n').map((line) => line.split('=')[0]),
      ['username', 'password'],
    )
    assert.doesNotMatch(login.replace('\n', ''), /\p{Cc}/u)
  })

test('security 35: a line break in an address is refused', () => {
  for (const repo of [
    'https://ann:word@example.com/x\\nhost=evil.example',
    'https://example.com/\\r\\nx',
    '\\nhttps://x',
  ])
    assert.throws(() => graphOf(`resources: [{git_checkout: /srv/x, repo: "${repo}"}]`), /must be: one line/)
})

test('a login that no URL would hold is kept as it is written', () => {
  assert.equal(withoutLogin('https://a%zz:b%@example.com/x').login, 'username=a%zz\npassword=b%')
  assert.equal(withoutLogin('https://ann@example.com/x').login, 'username=ann\npassword=')
  assert.equal(withoutLogin('ssh://git@example.com/x').login, undefined)
})
