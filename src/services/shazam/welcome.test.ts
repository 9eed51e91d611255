import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { smallDisk } from '#testing/small-disk.ts'
import { missing, withoutKey } from './welcome.ts'

const KEY = 'ssh-ed25519 AAAA devo.ps'
const THEIRS = 'ssh-ed25519 BBBB ann'

function homeFolder(t: TestContext): string {
  const home = mkdtempSync(join(tmpdir(), 'devops-welcome-'))
  t.after(() => rmSync(home, { recursive: true }))
  mkdirSync(join(home, '.ssh'))
  return home
}

const sh = (text: string, env: Record<string, string> = {}) =>
  spawnSync('sh', ['-s'], { input: text, encoding: 'utf8', env: { PATH: process.env.PATH ?? '', ...env } })

/** `getent`, which alone says who is there, answers with this. */
const ask = (getent: string, env: Record<string, string> = {}) =>
  sh(`getent() { ${getent}; }\n${missing(KEY)}`, env)
const there = 'printf "devops:x:1000:1000::%s:/bin/sh\\n" "$AT"'

test('what linking brings is told apart from what was there, and from what cannot be asked', (t) => {
  const home = homeFolder(t)
  const file = join(home, '.ssh/authorized_keys')
  const words = ({ stdout }: { stdout: string }) =>
    stdout.split('\n').filter((word) => word && word !== 'sudo')
  assert.deepEqual(words(ask('return 2')), ['user', 'key'])
  assert.deepEqual(words(ask(there, { AT: home })), ['key'])
  writeFileSync(file, `${THEIRS}\n`)
  assert.deepEqual(words(ask(there, { AT: home })), ['key'])
  writeFileSync(file, `${THEIRS}\n${KEY}\n`)
  assert.deepEqual(words(ask(there, { AT: home })), [])
  const away = ask('return 1')
  assert.notEqual(away.status, 0)
  assert.match(away.stderr, /cannot tell whether user devops is there/)
  rmSync(file)
  // No file: reading it is an error even for root.
  mkdirSync(file)
  const unread = ask(there, { AT: home })
  assert.deepEqual([unread.status === 0, words(unread)], [false, []])
})

test('a key leaves alone: the other keys stay, with the mode of the file', (t) => {
  const home = homeFolder(t)
  const keys = join(home, '.ssh/authorized_keys')
  const leave = () => sh(`set -eu\nkeys=${keys}\n${withoutKey(KEY)}`)
  writeFileSync(keys, `${THEIRS}\n${KEY}\n`)
  chmodSync(keys, 0o640)
  assert.equal(leave().status, 0)
  assert.equal(readFileSync(keys, 'utf8'), `${THEIRS}\n`)
  assert.equal(statSync(keys).mode & 0o777, 0o640)
  writeFileSync(keys, `${KEY}\n`)
  assert.equal(leave().status, 0)
  assert.equal(readFileSync(keys, 'utf8'), '')
  rmSync(keys)
  assert.equal(leave().status, 0)
})

test('on a full disk no key is taken out, and none is lost', (t) => {
  const disk = smallDisk(t, '1m')
  if (!disk) return
  const keys = join(disk.folder, 'authorized_keys')
  const all = [...Array.from({ length: 500 }, () => THEIRS), KEY, ''].join('\n')
  writeFileSync(keys, all)
  disk.fill()
  const { status } = sh(`set -eu\nkeys=${keys}\n${withoutKey(KEY)}`)
  assert.notEqual(status, 0)
  assert.equal(readFileSync(keys, 'utf8'), all)
  assert.deepEqual(readdirSync(disk.folder).sort(), ['authorized_keys', 'ballast'])
})
