import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isProblem } from '#kit/problem.ts'
import { checkRepository, formatFindings, readCatalog, render, renderShell, renderText } from './index.ts'

const catalog = readCatalog(join(import.meta.dirname, '../../catalog'))
const head = 'id: web\ntype: server\nprovider: { name: docker }\n'

function judge(more: string, others: Record<string, string> = {}) {
  const files = Object.entries({ 'nodes/web.yml': head + more, ...others })
  return checkRepository(
    files.map(([path, content]) => ({ path, content })),
    { catalog },
  )
}
const refused = (more: string, says: RegExp, others?: Record<string, string>) =>
  assert.match(formatFindings(judge(more, others).findings).join('\n'), says)

/** Milliseconds of this thread. */
function cost(act: () => void): number {
  const before = process.threadCpuUsage()
  act()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}

describe('attacks on the parser', () => {
  it('9: an alias bomb is refused in bounded time', () => {
    const levels = Array.from({ length: 30 }, (_, i) => `  a${i + 1}: &a${i + 1} [*a${i}, *a${i}, *a${i}]\n`)
    const ms = cost(() =>
      refused(`vars:\n  a0: &a0 x\n${levels.join('')}`, /aliases repeat more than|at most 20000 values/),
    )
    assert.ok(ms < 1000, `${ms} ms`)
  })

  it('9: aliases that repeat long text or long keys are refused with file and line', () => {
    const long = 'x'.repeat(100_000)
    const says = /^nodes\/web\.yml:\d+:\d+ .*aliases repeat more than 1048576 characters/m
    refused(`vars:\n  a: &a ${long}\n  b: [${Array(2000).fill('*a').join(', ')}]\n`, says)
    refused(
      `vars:\n  a: &a { "${long.slice(0, 1000)}": 1 }\n  b: [${Array(2000).fill('*a').join(', ')}]\n`,
      says,
    )
  })

  it('10: __proto__, constructor and << are refused, and prototypes stay as they are', () => {
    refused('vars:\n  __proto__: { polluted: 1 }\n', /"__proto__" is not allowed/)
    refused('vars:\n  constructor: { prototype: { polluted: 1 } }\n', /"constructor" is not allowed/)
    refused('vars:\n  a: &a { b: 1 }\n  <<: *a\n', /merge keys \(<<\) are not supported/)
    const json = { 'nodes/x.json': '{"id":"x","type":"server","__proto__":{"polluted":1}}' }
    refused('', /"__proto__" is not allowed/, json)
    assert.equal(({} as Record<string, unknown>).polluted, undefined)
  })

  it('11: custom tags, duplicate keys and deep nesting are refused', () => {
    for (const tag of [
      '!!js/function "x"',
      '!!python/object/apply:os.system ["id"]',
      '!include /etc/passwd',
      '!!binary aGk=',
    ])
      refused(`vars:\n  a: ${tag}\n`, /the tag .* is not allowed/)
    refused('name: a\nname: b\n', /the key "name" is written twice/)
    for (const deep of ['['.repeat(5000), '- '.repeat(5000), '{a: '.repeat(5000), ': a: '.repeat(5000)])
      refused(`vars:\n  a: ${deep}\n`, /nested more than 64 levels deep|is not valid YAML/)
  })

  it('12: a hostile pattern of a service is bounded', () => {
    const service = 'title: X\noptions:\n  a: { type: string, pattern: "^(a|a)*$" }\n'
    const more = `services: [mine]\nconfiguration:\n  mine: { a: "${'a'.repeat(3000)}!" }\n`
    const ms = cost(() => refused(more, /it takes too long/, { 'services/mine/service.yml': service }))
    assert.ok(ms < 1000, `${ms} ms`)
  })
})

describe('attacks on templates', () => {
  it('13: nothing of the engine or the language can be reached', () => {
    const scope = { web: { ip: '192.0.2.1' }, list: [1], text: 'x' }
    const addresses = [
      'web.constructor',
      'web.__proto__',
      'web.toString',
      'list.map',
      'list.constructor',
      'text.length.constructor',
    ]
    for (const address of [
      ...addresses,
      "web['constructor']['constructor']",
      'constructor',
      '__proto__',
      'this',
    ])
      assert.throws(
        () => render(`{{ ${address} }}`, scope),
        (error) => isProblem(error, 'invalid'),
        address,
      )
    for (const tag of [
      "{% include '/etc/passwd' %}",
      "{% render 'x' %}",
      "{% layout 'x' %}",
      '{% block a %}{% endblock %}',
    ])
      assert.throws(
        () => renderText(tag, scope),
        (error) => isProblem(error, 'invalid'),
        tag,
      )
  })

  it('14: braces in a value, a host name or a payload are never rendered again', () => {
    const hostile = '{{ secrets.token }}{% raw %}'
    const scope = { payload: { branch: hostile }, web: { name: hostile }, secrets: { token: 'canary' } }
    assert.equal(render('{{ payload.branch }}', scope), hostile)
    assert.equal(renderText('x {{ web.name }} {{ payload.branch }}', scope), `x ${hostile} ${hostile}`)
    assert.doesNotMatch(renderShell('echo {{ payload.branch }}', scope), /canary/)
  })

  it('15: whatever a value holds, it is one inert argument of a command', () => {
    const values = [
      ';$(id)',
      '`id`',
      `'"'"`,
      '"; id; "',
      'a\nid\n',
      '$HOME',
      '--help',
      '* ? [a]',
      '\\',
      '&& id',
      '|id',
      '#x',
      '',
    ]
    for (const value of values)
      for (const script of [
        "printf '<%s>' {{ v }} end",
        `printf '<%s>' "{{ v }}" end`,
        "printf '<%s>' '{{ v }}' end",
      ]) {
        const run = renderShell(script, { v: value })
        const said = execFileSync('sh', ['-c', run]).toString()
        assert.equal(said, `<${value}><end>`, `${script} with ${JSON.stringify(value)}`)
      }
  })

  it('15: what lands in a configuration file cannot end its line or directive', () => {
    for (const [option, value] of [
      ['user', 'www; load_module x'],
      ['pid', '"/run/x;\\n}"'],
    ] as const)
      refused(
        `services: [nginx]\nconfiguration:\n  nginx: { ${option}: ${value} }\n`,
        /must match the pattern/,
      )
  })
})
