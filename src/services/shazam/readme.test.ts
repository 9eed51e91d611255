import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import type { Service } from '#contracts/descriptors.ts'
import { checkRepository, type File, formatFindings } from '#language'
import { catalog } from './testing/graphs.ts'

const folder = resolve(import.meta.dirname, '../../../catalog')
const server = 'type: server\nprovider: {name: docker}\n'
/** Nodes that examples speak of. */
const others = ['app', 'db'].map((id) => ({ path: `nodes/${id}.yml`, content: `id: ${id}\n${server}` }))

/** A whole descriptor around an example: steps of a task, or services and options of a node. */
function around({ id, base }: Service, text: string): File[] {
  const chosen = base ? '' : `services: [${id}]\n`
  const node = (more: string) => ({ path: 'nodes/it.yml', content: `id: it\n${server}${more}` })
  if (/^steps:/m.test(text))
    return [node(chosen), { path: 'tasks/it.yml', content: `id: it\ntype: task\ntargets: [it]\n${text}` }]
  return [node(/^services:/m.test(text) ? text : chosen + text)]
}

for (const service of catalog) {
  const path = resolve(folder, service.id, 'README.md')
  if (!existsSync(path)) continue
  test(`${service.id}: the examples of its page are good descriptors`, () => {
    const blocks = [...readFileSync(path, 'utf8').matchAll(/^```yaml\n(.*?)^```$/gms)]
    assert.ok(blocks.length > 0)
    for (const [, text = ''] of blocks) {
      const { findings } = checkRepository([...others, ...around(service, text)], { catalog })
      assert.deepEqual(formatFindings(findings), [], text)
    }
  })
}
