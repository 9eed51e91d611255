import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Example, readExamples } from '#tools/generate-resources.ts'
import { planLive } from '../plan.ts'
import { graphOf } from '../testing/graphs.ts'
import { stateFrom } from '../testing/state.ts'
import { composites } from './composite.ts'
import { kinds } from './index.ts'

const examples = readExamples()

test('every kind and every short name has an example in docs/resources.md', () => {
  const known = new Set([...kinds.keys(), ...Object.keys(composites)])
  assert.deepEqual(examples.map(({ kind }) => kind).toSorted(), [...known].toSorted())
})

for (const example of examples)
  test(`the example of ${example.kind} is a resource, and a bare node is changed by it`, () => judge(example))

function judge({ kind, items }: Example): void {
  assert.ok(items.some((item) => kind in item))
  const graph = graphOf(JSON.stringify({ resources: items, handlers: {} }), {}, { node: {}, vars: {} })
  const { changes } = planLive(graph, stateFrom(), [])
  assert.ok(changes.length > 0)
  const still = ['absent', 'flush', 'kernel_value', 'sysctl']
  if (!still.includes(kind))
    assert.ok(
      changes.some(({ verdict }) => verdict === 'change'),
      JSON.stringify(changes),
    )
}
