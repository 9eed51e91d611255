import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { checkRepository, formatFindings } from './index.ts'

const { privateKey } = generateKeyPairSync('ed25519')
const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))

const told = (path: string, content: string) =>
  formatFindings(checkRepository([{ path, content }], { catalog: [] }).findings)

test('a private key in a descriptor, a script or a service is refused at its line', () => {
  for (const path of ['nodes/web.yml', 'scripts/deploy.sh', 'services/app/templates/key'])
    assert.ok(
      told(path, `# first\n  ${pem}`).some((line) =>
        line.startsWith(`${path}:2:3 a private key must not be in Git`),
      ),
      path,
    )
})

test('a public key and words about private keys are no private key', () => {
  const text = `# the PRIVATE KEY is elsewhere\n# ${pem.replaceAll('PRIVATE', 'PUBLIC').replaceAll('\n', ' ')}\n`
  assert.deepEqual(told('scripts/deploy.sh', text), [])
})

test('a private key among the files of a service, which travel in base64, is refused as well', () => {
  const content = Buffer.from(`\n${pem}`).toString('base64')
  assert.ok(
    told('services/web/files/id', content).some((line) =>
      line.startsWith('services/web/files/id:2:1 a private'),
    ),
  )
})
