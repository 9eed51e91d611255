import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { Infrastructure } from '#contracts/descriptors.ts'
import { isProblem } from '#kit/problem.ts'
import {
  addressesIn,
  checkRepository,
  eventMatches,
  type File,
  formatFindings,
  readCatalog,
  renderShell,
  renderTree,
  stepKind,
} from './index.ts'
import { shapeTroubles } from './shape.ts'
import { readCorpus } from './testing/corpus.ts'
import { hunt } from './testing/hunt.ts'
import { mutated } from './testing/mutate.ts'

const catalog = readCatalog(join(import.meta.dirname, 'cases', 'catalog'))
const corpus = readCorpus()

const words = fc.constantFrom(
  ...'id name type provider services configuration vars targets steps triggers run options webhooks crons events when on do'.split(
    ' ',
  ),
  ...'web db nginx mysql server task docker worker_processes vhosts routes uri path http gzip __proto__ constructor toString'.split(
    ' ',
  ),
)
const scalar = fc.oneof(
  words,
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.string(),
  fc.constantFrom(
    '{{ web.ip }}',
    '{{ x',
    '{% if %}',
    '{{ a | b }}',
    'node.*.create',
    '0 0 * * *',
    'devops nginx reload',
    '*',
  ),
)
const trees = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, tie('list'), tie('map')),
  list: fc.array(tie('value'), { maxLength: 4 }),
  map: fc.dictionary(
    fc.oneof({ weight: 9, arbitrary: words }, { weight: 1, arbitrary: fc.string() }),
    tie('value'),
    { maxKeys: 6 },
  ),
}))
const tree = trees.map

const yamlSoup = fc
  .array(
    fc.constantFrom(
      'id: web',
      'type: server',
      '\n',
      '\n  ',
      '- ',
      '? ',
      ': ',
      '&a ',
      '*a',
      '!!str ',
      '!x ',
      '"',
      "'",
      '|',
      '>',
      '{',
      '}',
      '[',
      ']',
      ',',
      '#',
      '---\n',
      '...\n',
      '%YAML 1.2\n',
      '<<: ',
      '\t',
      '\0',
      '{{ ',
      ' }}',
      'é',
      '\u2028',
      '\ud800',
      'provider: { name: docker }',
    ),
    { maxLength: 30 },
  )
  .map((pieces) => pieces.join(''))

const nodeTree = fc.record(
  {
    id: fc.constant('web'),
    type: fc.constant('server'),
    provider: fc.oneof(fc.constant({ name: 'docker' }), tree),
    services: fc.oneof(fc.constant(['nginx']), tree),
    configuration: fc.oneof(fc.record({ nginx: tree }), tree),
    vars: tree,
  },
  { requiredKeys: ['id', 'type'] },
)
const taskTree = fc.record(
  {
    id: fc.constant('t'),
    type: fc.constant('task'),
    targets: fc.oneof(fc.constant(['web']), tree),
    triggers: fc.oneof(fc.record({ webhooks: tree, crons: tree, events: tree }, { requiredKeys: [] }), tree),
    steps: fc.oneof(
      fc.array(fc.oneof(fc.record({ run: scalar, options: tree }, { requiredKeys: [] }), tree), {
        maxLength: 3,
      }),
      tree,
    ),
  },
  { requiredKeys: ['id', 'type'] },
)
const serviceTree = fc.record(
  { title: scalar, options: fc.dictionary(words, tree), commands: tree, requires: tree, resources: tree },
  { requiredKeys: [] },
)

const text = (from: fc.Arbitrary<unknown>) =>
  fc.oneof(
    from.map((value) => stringify(value)),
    from.map((value) => JSON.stringify(value) ?? ''),
  )

const files = fc.record({
  'nodes/web.yml': fc.oneof(text(nodeTree), yamlSoup),
  'tasks/t.json': fc.oneof(text(taskTree), yamlSoup),
  'tasks/u.yml': fc.oneof(text(tree), yamlSoup),
  'scripts/x.sh': fc.oneof(yamlSoup, fc.string()),
  'services/mine/service.yml': fc.oneof(text(serviceTree), yamlSoup),
})

describe('whatever is pushed', () => {
  it('is judged: findings with a place in the file, no crash, and what is good fits the contract', () => {
    hunt('made-up files', files, (pushed) => judge(listOf(pushed)), { share: 0.2 })
  })

  it('is judged when it was good once, or bad in a way that we know, and a hand slipped', () => {
    hunt('mutated real files', mutated(corpus), judge, { share: 0.5, weight: 3 })
  })

  it('is judged the same twice', () => {
    hunt(
      'twice',
      fc.oneof(files.map(listOf), mutated(corpus)),
      (list) =>
        assert.deepEqual(
          checkRepository(list, { catalog }),
          checkRepository([...list].reverse(), { catalog }),
        ),
      { share: 0.1, weight: 0.25 },
    )
  })

  it('never makes the small functions throw', () => {
    hunt(
      'small functions',
      fc.tuple(fc.string(), fc.string(), tree),
      ([a, b, value]) => {
        assert.equal(typeof eventMatches(a, b), 'boolean')
        assert.ok(stepKind(a).kind)
        assert.ok(Array.isArray(addressesIn(value)))
      },
      { share: 0.05 },
    )
  })

  it('is rendered or refused as invalid', () => {
    const template = fc
      .array(
        fc.constantFrom(
          '{{ ',
          ' }}',
          '{% ',
          ' %}',
          'a',
          '.b',
          '[0]',
          ' | ',
          'join: ","',
          'if',
          'endif',
          'for x in a',
          'endfor',
          '"',
          "'",
          '-',
          'raw',
          'assign y = a',
          '\n',
        ),
        { maxLength: 14 },
      )
      .map((pieces) => pieces.join(''))
    const texts = fc.oneof(
      template,
      mutated(corpus).map((list) => list.map((file) => file.content).join('\n')),
    )
    hunt(
      'templates',
      fc.tuple(texts, tree),
      ([source, value]) => {
        const scope = { a: value, web: { ip: '192.0.2.1', vars: value }, vars: value, secrets: { x: 'y' } }
        for (const run of [() => renderTree({ x: source }, scope), () => renderShell(source, scope)]) {
          try {
            run()
          } catch (error) {
            assert.ok(isProblem(error, 'invalid'), String(error))
          }
        }
      },
      { share: 0.15, weight: 2 },
    )
  })
})

const listOf = (pushed: Record<string, string>): File[] =>
  Object.entries(pushed).map(([path, content]) => ({ path, content }))

function judge(list: readonly File[]): void {
  const { findings, infrastructure } = checkRepository(list, { catalog })
  for (const finding of findings) {
    assert.ok(finding.line >= 1 && finding.column >= 1)
    assert.ok(finding.message.length < 2000)
  }
  for (const line of formatFindings(findings)) assert.doesNotMatch(line, /\p{Cc}/u)
  if (findings.every(({ severity }) => severity === 'warning'))
    assert.deepEqual(shapeTroubles(Infrastructure, infrastructure), [])
  assert.equal(({} as Record<string, unknown>).a, undefined)
}
