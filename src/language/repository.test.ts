import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { Infrastructure } from '#contracts/descriptors.ts'
import { checkRepository, formatFindings, readCatalog } from './index.ts'
import { shapeTroubles } from './shape.ts'

const folder = join(import.meta.dirname, 'cases')
const catalog = readCatalog(join(folder, 'catalog'))

/** One case of `cases/*.yml`: files in, exact findings out, and what is made of them. */
interface Case {
  title: string
  files: Record<string, string>
  findings?: string[]
  variables?: string[]
  secrets?: string[]
  /** Name -> provider. */
  credentials?: Record<string, string>
  nodes?: unknown[]
  tasks?: unknown[]
}

for (const name of readdirSync(folder).filter((each) => each.endsWith('.yml'))) {
  describe(name.replace('.yml', '').replaceAll('-', ' '), () => {
    for (const each of parse(readFileSync(join(folder, name), 'utf8')) as Case[])
      it(each.title, () => check(each))
  })
}

function check({ files, findings = [], variables, secrets, credentials, nodes, tasks }: Case): void {
  const list = Object.entries(files).map(([path, content]) => ({ path, content }))
  const known = {
    ...(variables && { variables }),
    ...(secrets && { secrets }),
    ...(credentials && { credentials: new Map(Object.entries(credentials)) }),
  }
  const checked = checkRepository(list, { catalog, repo: 'ann/site', ...known })
  assert.deepEqual(formatFindings(checked.findings), findings)
  if (nodes) assert.deepEqual(checked.infrastructure.nodes, nodes)
  if (tasks) assert.deepEqual(checked.infrastructure.tasks, tasks)
  const isGood = checked.findings.every((finding) => finding.severity === 'warning')
  if (isGood) assert.deepEqual(shapeTroubles(Infrastructure, checked.infrastructure), [])
}
