import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { routes } from '#services/api/routes.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { type Shop, startShop } from '#testing/shop.ts'

let shop: Shop
before(async () => {
  shop = await startShop()
})
after(() => shop[Symbol.asyncDispose]())
failOnLeaks()

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${shop.url}${path}`, { headers })
const signedIn = () => ({ authorization: `Bearer ${shop.ann.token}` })

/** Routes that answer without end. */
const streams = /^follow/

/** With the ids of the shop; what is left of parameters names nothing. */
const filled = (path: string): string =>
  path
    .replace(':owner/:repo', 'ann/shop')
    .replace(':user', 'ann')
    .replace(/:(node)\b/, 'web')
    .replace(/:(task)\b/, 'deploy')
    .replace(/:(work|run)\b/, shop.ids.ended)
    .replace(/:delivery\b/, shop.ids.delivery)
    .replace(/:secret\b/, 'token')
    .replace(/:\w+/g, 'x')

/** What nobody is ever answered with; each in the forms that an encoder would make of it. */
function credentials(): [what: string, text: string][] {
  const master = readFileSync(join(shop.data, 'master.key'), 'utf8').trim()
  const all: [string, string][] = [
    ['the token of the caller', shop.ann.token],
    ['a secret', 'not for the eyes'],
    ['the master key', master],
    ['a private key', 'PRIVATE KEY'],
    ['the hash of a password or token', 'scrypt'],
  ]
  return all.flatMap(([what, text]) =>
    [text, Buffer.from(text).toString('base64'), Buffer.from(text).toString('hex')].map(
      (form): [string, string] => [what, form],
    ),
  )
}

test('security 21: no answer of any route, to an administrator, a stranger or nobody, carries a credential', async () => {
  let answered = 0
  for (const route of routes) {
    if (route.method !== 'GET' || streams.test(route.id)) continue
    for (const headers of [signedIn(), { authorization: 'Bearer devo_wrong' }, {}]) {
      const answer = await get(filled(route.path), headers)
      const text = `${JSON.stringify([...answer.headers])}\n${await answer.text()}`
      if (answer.ok && 'authorization' in headers) answered++
      for (const [what, form] of credentials())
        assert.ok(!text.includes(form), `${route.id} answers with ${what}`)
    }
  }
  assert.ok(answered > 25, `${answered} routes answered`)
})

test('security 21: a token is shown once, when it is made', async () => {
  const made = await fetch(`${shop.url}/v1/users/ann/tokens`, {
    method: 'POST',
    headers: { ...signedIn(), 'content-type': 'application/json' },
    body: JSON.stringify({ title: 'once' }),
  })
  const { token } = (await made.json()) as { token: string }
  assert.match(token, /^devo_/)
  for (const path of ['/v1/users/ann/tokens', '/v1/me', '/v1/audit', '/v1/repos/ann/shop/audit']) {
    const text = await (await get(path, signedIn())).text()
    assert.ok(!text.includes(token), path)
  }
})

test('security 22: a token in the address is refused on every route, and is not taken for one', async () => {
  for (const route of routes) {
    if (streams.test(route.id)) continue
    for (const query of [
      `token=${shop.ann.token}`,
      `access_token=${shop.ann.token}`,
      `q=${shop.ann.token}`,
    ]) {
      const answer = await fetch(`${shop.url}${filled(route.path)}?${query}`, { method: route.method })
      const text = await answer.text()
      assert.ok(answer.status >= 400, `${route.id} ${query.split('=')[0]}: ${answer.status}`)
      assert.ok(!text.includes(shop.ann.token), `${route.id} repeats the token`)
    }
  }
})
