import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Inputs } from '#contracts/descriptors.ts'
import { giveInputs, inputDefaults } from './inputs.ts'

const inputs: Inputs = {
  version: { type: 'string', required: true, pattern: '^\\d' },
  count: { type: 'integer', default: 2, minimum: 1, maximum: 5 },
  dry: { type: 'boolean' },
  env: { type: 'string', allowed: ['prod', 'test'], default: 'test' },
}
const task = { inputs, vars: { colour: 'red' } }

test('values that nobody gave are the defaults, or null', () =>
  assert.deepEqual(inputDefaults(task), { version: null, count: 2, dry: null, env: 'test' }))

const good: [given: Record<string, unknown>, values: Record<string, unknown>][] = [
  [{ version: '1.10' }, { version: '1.10' }],
  [
    { version: 1.5, count: '3', dry: 'true' },
    { version: '1.5', count: 3, dry: true },
  ],
  [
    { version: '1', colour: 'blue' },
    { version: '1', colour: 'blue' },
  ],
]
for (const [given, values] of good)
  test(`inputs are taken: ${JSON.stringify(given)}`, () =>
    assert.deepEqual(giveInputs(task, given), { values, troubles: [] }))

const bad: [given: Record<string, unknown>, trouble: string][] = [
  [{}, 'version: is required'],
  [{ version: '' }, 'version: must match the pattern ^\\d, got ""'],
  [{ version: '1', versoin: '2' }, 'unknown input "versoin", did you mean "version"?'],
  [{ version: '1', count: 'many' }, 'count: must be a whole number, got "many"'],
  [
    { version: '1', count: '356686000032329832' },
    'count: 356686000032329832 is too large a number to be kept exactly: make the input a string',
  ],
  [{ version: '1', count: '9' }, 'count: must be at most 5, got 9'],
  [{ version: '1', dry: 'yes' }, 'dry: must be true or false, got "yes"'],
  [{ version: '1', env: 'Prod' }, 'env: must be one of prod, test, got "Prod", did you mean "prod"?'],
  [{ version: '{{ secrets.x }}' }, 'version: must match the pattern ^\\d, got "{{ secrets.x }}"'],
]
for (const [given, trouble] of bad)
  test(`inputs are refused: ${JSON.stringify(given)}`, () =>
    assert.deepEqual(giveInputs(task, given).troubles, [trouble]))
