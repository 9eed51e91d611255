import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkRepository, type File, formatFindings, isBinary } from './index.ts'

const folder = join(import.meta.dirname, '../../catalog')

/** The catalog as a repository that brings all of it as services of its own. */
function catalogAsOwn(): File[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  return entries.map((entry) => {
    const file = join(entry.parentPath, entry.name)
    const path = `services${file.slice(folder.length)}`
    return { path, content: readFileSync(file, isBinary(path) ? 'base64' : 'utf8') }
  })
}

const judged = (files: readonly File[]) =>
  formatFindings(checkRepository(files, { catalog: [], variables: [], secrets: [] }).findings)

test('the whole catalog passes as services of a repository', () => {
  const files = catalogAsOwn()
  assert.ok(files.length > 50)
  assert.deepEqual(judged(files), [])
})

const slips: [path: string, from: string, to: string, finding: RegExp][] = [
  ['nginx/service.yml', 'for: vhost in nginx.vhosts', 'for: vhost in nginx.vhost', /did you mean "vhosts"/],
  ['nginx/service.yml', 'vhost.ssl.self_signed', 'vhost.ssl.selfsigned', /did you mean "self_signed"/],
  ['nginx/service.yml', 'template: nginx.conf', 'template: nginx.cnf', /did you mean "nginx.conf"/],
  ['nginx/service.yml', 'notify: reload', 'notify: relod', /did you mean "reload"/],
  ['nginx/templates/vhost', 'vhost.', 'vhots.', /did you mean "vhost"/],
  ['redis/service.yml', 'package: redis', 'packge: redis', /did you mean "package"/],
]
for (const [path, from, to, finding] of slips)
  test(`a slip in a service is a finding of the push: ${to}`, () => {
    const files = catalogAsOwn().map((file) =>
      file.path === `services/${path}` ? { ...file, content: file.content.replace(from, to) } : file,
    )
    assert.notDeepEqual(files, catalogAsOwn())
    const found = judged(files)
    assert.ok(
      found.some((line) => line.startsWith(`services/${path}:`) && finding.test(line)),
      found.join('\n'),
    )
  })

test('what a newer rule refuses in a commit that was accepted leaves its services in place', () => {
  const files = [
    { path: 'services/mine/service.yml', content: 'title: Mine\nresources:\n  - fiel: /etc/x\n' },
    {
      path: 'nodes/web.yml',
      content: 'id: web\ntype: server\nprovider: { name: docker }\nservices: [mine]\n',
    },
  ]
  const refused = checkRepository(files, { catalog: [] })
  assert.equal(refused.findings[0]?.severity, 'error')
  const kept = checkRepository(files, { catalog: [], accepted: true })
  assert.deepEqual(kept.findings, [])
  assert.deepEqual(
    kept.infrastructure.services.map(({ id }) => id),
    ['mine'],
  )
})
