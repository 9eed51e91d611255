import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import ssh2 from 'ssh2'
import { newKeyPair } from '#kit/ssh-key.ts'
import { parsePublicKey } from './public-key.ts'

const run = promisify(execFile)

/** A blob of SSH wire strings. */
const blob = (...parts: (string | Buffer)[]): string => {
  const fields = parts.map((part) => {
    const bytes = Buffer.from(part as string, 'latin1')
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return Buffer.concat([length, bytes])
  })
  return Buffer.concat(fields).toString('base64')
}

const ed25519 = 'ssh-ed25519'
const good = `${ed25519} ${blob(ed25519, Buffer.alloc(32, 1))}`

for (const [type, bits] of [
  ['ed25519', 256],
  ['rsa', 2048],
  ['ecdsa', 256],
  ['ecdsa', 384],
  ['ecdsa', 521],
] as const)
  test(`a key of ssh-keygen -t ${type} -b ${bits} is read with the fingerprint that ssh-keygen prints`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'devops-key-'))
    t.after(() => rm(folder, { recursive: true }))
    const file = join(folder, 'key')
    await run('ssh-keygen', [
      '-q',
      '-t',
      type,
      '-b',
      String(bits),
      '-N',
      '',
      '-C',
      'ann on a laptop',
      '-f',
      file,
    ])
    const key = parsePublicKey(await readFile(`${file}.pub`, 'utf8'))
    const { stdout } = await run('ssh-keygen', ['-lf', `${file}.pub`])
    assert.equal(key.fingerprint, stdout.split(' ')[1])
    assert.equal(key.comment, 'ann on a laptop')
  })

test('keys of security tokens are read', () => {
  const sk = 'sk-ssh-ed25519@openssh.com'
  assert.match(parsePublicKey(`${sk} ${blob(sk, Buffer.alloc(32, 2), 'ssh:')}`).fingerprint, /^SHA256:/)
})

test('a private key is refused with a warning, not repeated', () => {
  const pair = newKeyPair()
  assert.throws(
    () => parsePublicKey(pair.private),
    (error: Error) =>
      error.message.includes('this is a private key. Never give it to anybody') &&
      !error.message.includes('b3BlbnN'),
  )
})

for (const [what, line, reason] of [
  [
    'an RSA key of 1024 bits',
    ssh2.utils.generateKeyPairSync('rsa', { bits: 1024 }).public,
    /at least 2048 bits; this one has 1024/,
  ],
  ['a DSA key', `ssh-dss ${blob('ssh-dss')}`, /DSA keys are broken/],
  ['options before the key', `command="id" ${good}`, /begins with/],
  ['two lines', `${good}\n${good}`, /one line/],
  ['a type that is not that of the blob', `ssh-rsa ${good.split(' ')[1]}`, /another type/],
  ['something behind the end', `${ed25519} ${blob(ed25519, Buffer.alloc(32), 'more')}`, /behind the end/],
  ['a cut key', good.slice(0, -8), /ends too early|not base64/],
  ['base64 with something in it', `${good.slice(0, -4)}$(id)`, /not base64/],
  [
    'a point off its curve',
    `ecdsa-sha2-nistp256 ${blob('ecdsa-sha2-nistp256', 'nistp256', Buffer.alloc(65, 4))}`,
    /not on its curve/,
  ],
  ['a type that every object has', 'constructor AAAA', /begins with/],
  ['nothing', '', /begins with/],
] as const)
  test(`refused: ${what}`, () => {
    assert.throws(() => parsePublicKey(line), reason)
  })
