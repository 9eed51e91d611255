import assert from 'node:assert/strict'
import { createCipheriv, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSeal, openSeal } from './seal.ts'

const text = 'correct horse battery staple'

test('a sealed value opens under its key and context, and nowhere else', () => {
  const key = randomBytes(32)
  const seal = createSeal([key])
  const sealed = seal.seal(text, 'secret a of ann/shop')
  assert.equal(createSeal([key]).open(sealed, 'secret a of ann/shop').reveal(), text)
  assert.throws(() => seal.open(sealed, 'secret b of ann/shop'), /does not open/)
  assert.throws(() => createSeal([randomBytes(32)]).open(sealed, 'secret a of ann/shop'), /another/)
  for (const at of [2, 3, 4, 5, 6, 7]) {
    const parts = sealed.split('.')
    const bytes = Buffer.from(parts[at] ?? '', 'base64')
    parts[at] = Buffer.from(bytes.map((byte) => byte ^ 1)).toString('base64')
    assert.throws(() => seal.open(parts.join('.'), 'secret a of ann/shop'), /does not open/, `part ${at}`)
  }
})

test('the same value is never sealed to the same text, and each has a data key of its own', () => {
  const seal = createSeal([randomBytes(32)])
  const [a = '', b = ''] = [seal.seal(text, 'x'), seal.seal(text, 'x')]
  const [partsA, partsB] = [a.split('.'), b.split('.')]
  assert.deepEqual(
    partsA.map((part, i) => part === partsB[i]),
    [true, true, false, false, false, false, false, false],
  )
  const swapped = [...partsA.slice(0, 5), ...partsB.slice(5)].join('.')
  assert.throws(() => seal.open(swapped, 'x'), /does not open/)
})

test('a value keeps its body when its data key is wrapped anew, and then the former key opens it no more', () => {
  const [old, fresh] = [randomBytes(32), randomBytes(32)]
  const sealed = createSeal([old]).seal(text, 'x')
  const both = createSeal([fresh, old])
  const renewed = both.renew(sealed, 'x') ?? ''
  assert.deepEqual(renewed.split('.').slice(5), sealed.split('.').slice(5))
  assert.equal(both.renew(renewed, 'x'), undefined)
  assert.equal(both.open(sealed, 'x').reveal(), text)
  assert.equal(createSeal([fresh]).open(renewed, 'x').reveal(), text)
  assert.throws(() => createSeal([old]).open(renewed, 'x'), /another/)
})

test('what was sealed under the master key itself still opens, and gets a data key when it is renewed', () => {
  const [old, fresh] = [randomBytes(32), randomBytes(32)]
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', old, iv).setAAD(Buffer.from('x'))
  const body = Buffer.concat([cipher.update(text), cipher.final()])
  const former = `v1.${[iv, cipher.getAuthTag(), body].map((part) => part.toString('base64')).join('.')}`
  const seal = createSeal([fresh, old])
  assert.equal(seal.open(former, 'x').reveal(), text)
  assert.throws(() => seal.open(former, 'y'), /does not open/)
  const renewed = seal.renew(former, 'x') ?? ''
  assert.match(renewed, /^v2\./)
  assert.equal(createSeal([fresh]).open(renewed, 'x').reveal(), text)
})

test('a key file is made when the first value is sealed, never to open one', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'devops-seal-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'master.key')
  const sealed = openSeal(file, {}).seal(text, 'x')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(openSeal(file, {}).open(sealed, 'x').reveal(), text)
  rmSync(file)
  assert.throws(() => openSeal(file, {}).open(sealed, 'x'), /is gone/)
  assert.throws(() => statSync(file))
})

test('a key that is given in the environment replaces the one that is named as old', () => {
  const [a, b] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')]
  const sealed = openSeal('/nowhere/key', { DEVOPS_MASTER_KEY: a }).seal(text, 'x')
  const both = openSeal('/nowhere/key', { DEVOPS_MASTER_KEY: b, DEVOPS_MASTER_KEY_OLD: a })
  const renewed = both.renew(sealed, 'x') ?? ''
  assert.equal(openSeal('/nowhere/key', { DEVOPS_MASTER_KEY: b }).open(renewed, 'x').reveal(), text)
})
