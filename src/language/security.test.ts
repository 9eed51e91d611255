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

  describe('9: many descriptors that are each within the bounds are refused when they are too much together', () => {
    const long = 'x'.repeat(1000)
    const node = (i: number, more: string) => `id: n${i}\ntype: server\nprovider: { name: docker }\n${more}`
    const text = `vars:\n  a: &a ${long}\n  b: [${Array(900).fill('*a').join(', ')}]\n`
    const values = `vars:\n  a: &a [${Array(90).fill('1').join(', ')}]\n  b: [${Array(90).fill('*a').join(', ')}]\n`
    const options = `title: T\noptions: { a: { type: string, default: &a "${long}", enum: [${Array(900).fill('*a').join(', ')}] } }\n`
    const [one, two] = [(i: number) => node(i, text), (i: number) => node(i, values)]
    const files = (count: number, of: (i: number) => string, name = (i: number) => `nodes/n${i}.yml`) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [name(i), of(i)]))
    for (const [what, others, says] of [
      ['text in many files', files(20, one), /together repeat more than 4194304 characters of text/],
      [
        'text in many documents of one file',
        { 'nodes/all.yml': Object.values(files(20, one)).join('---\n') },
        /together repeat more than 4194304 characters of text/,
      ],
      ['values in many files', files(50, two), /together repeat more than 100000 values/],
      [
        'text in many services',
        files(
          20,
          () => options,
          (i) => `services/s${i}/service.yml`,
        ),
        /together repeat more than 4194304 characters of text/,
      ],
      ['empty documents', { 'nodes/all.yml': '---\n'.repeat(100_000) }, /holds more than 1000 documents/],
      [
        'small documents in many files',
        files(8, (i) => Array.from({ length: 900 }, (_, j) => node(i * 900 + j, '')).join('---\n')),
        /holds more than 5000 nodes, tasks and services/,
      ],
    ] as const)
      it(what, () => {
        // Twice: what is remembered of a file counts as much as what is read.
        for (let turn = 0; turn < 2; turn++) {
          const { findings } = judge('', others)
          assert.match(formatFindings(findings).join('\n'), says)
          assert.equal(findings.filter(({ message }) => says.test(message)).length, 1)
        }
      })

    it('while a few of them are taken', () => {
      assert.deepEqual(
        formatFindings(judge('', { ...files(4, one), 'nodes/more.yml': node(9, values) }).findings),
        [],
      )
    })
  })

  it('9: of very many findings the first are shown, and a refusal stays one', () => {
    const bad = Array.from({ length: 150 }, (_, i) => `k${i}: 1\n`).join('')
    const others = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`nodes/b${i}.yml`, `id: b${i}\n${bad}`]),
    )
    const { findings } = judge('vars: { a: 1.10 }\n', others)
    assert.equal(findings.length, 1001)
    assert.match(formatFindings(findings)[0] ?? '', /there are \d+ findings: the first 1000 are shown/)
    assert.ok(findings.every(({ severity }) => severity === 'error'))
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

  describe('12: a hostile pattern is bounded', () => {
    const value = `${'a'.repeat(3000)}!`
    const more = `services: [mine]\nconfiguration:\n  mine: { a: "${value}" }\n`
    const service = (option: string) => ({
      'services/mine/service.yml': `title: X\noptions:\n  a: ${option}\n`,
    })
    for (const pattern of ['^(a|a)*$', '^(a+)+$', '^([a-z]+)*\\\\d$', '^(?:a?){3000}a{3000}$', '(?=(a+)+$)b'])
      it(`${pattern} of an option`, () => {
        const ms = cost(() =>
          refused(
            more,
            /it takes too long|must match the pattern/,
            service(`{ type: string, pattern: "${pattern}" }`),
          ),
        )
        assert.ok(ms < 1000, `${ms} ms`)
      })

    it('of an input of a task, compared with its default', () => {
      const task = (pattern: string) => ({
        'tasks/x.yml': `id: x\ntargets: [web]\ninputs:\n  a: { type: string, pattern: "${pattern}", default: "${value}" }\nsteps: [{ run: uptime }]\n`,
      })
      const ms = cost(() => refused('', /must match the pattern/, task('^(b|a|a)*$')))
      assert.ok(ms < 1000, `${ms} ms`)
    })

    it('many of them in one repository', () => {
      const options = Array.from(
        { length: 100 },
        (_, i) => `  a${i}: { type: string, pattern: "^(a|a)*${i}$" }\n`,
      )
      const values = Array.from({ length: 100 }, (_, i) => `a${i}: "${value}"`)
      const ms = cost(() =>
        refused(`services: [mine]\nconfiguration:\n  mine: { ${values.join(', ')} }\n`, /it takes too long/, {
          'services/mine/service.yml': `title: X\noptions:\n${options.join('')}`,
        }),
      )
      assert.ok(ms < 3000, `${ms} ms`)
    })
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

  describe('9: a template that grows, loops or searches without end is refused', () => {
    const times = (count: number, text: string) => `{% for i in (1..${count}) %}${text}{% endfor %}`
    const start = "{% assign a = 'xxxxxxxx' %}"
    const list = "{% assign a = 'xxxxxxxx' | split: '' %}"
    const long = `${start}${times(18, '{% assign a = a | append: a %}')}`
    for (const [what, template] of Object.entries({
      'append doubles': `${start}${times(40, '{% assign a = a | append: a %}')}{{ a }}`,
      'capture doubles': `${start}${times(40, '{% capture a %}{{ a }}{{ a }}{% endcapture %}')}`,
      'replace multiplies': `${start}${times(9, "{% assign a = a | replace: 'x', a %}")}`,
      'join multiplies': `${list}${times(40, "{% assign a = a | join: 'xxxx' | split: '' %}")}`,
      'concat doubles': `${list}${times(40, '{% assign a = a | concat: a %}')}`,
      'a list holds itself, many times': `${list}${times(60, '{% assign a = a | push: a %}')}{{ a }}`,
      'groups hold groups': `${list}${times(60, "{% assign a = a | group_by_exp: 'y', 'a' %}")}{{ a | json }}`,
      'JSON in JSON': `{% assign a = '"' %}${times(60, '{% assign a = a | json %}')}`,
      'base64 in base64': `${start}${times(200, '{% assign a = a | base64_encode %}')}`,
      'loops in loops': times(1000, times(1000, times(1000, 'x'))),
      'loops in loops of nothing': times(1000, times(1000, times(1000, ''))),
      'a range': times(100_000_000, ''),
      'output in a loop': `${long}${times(1000, '{{ a }}')}`,
      'a question of each item, again and again': times(
        1000,
        "{% assign b = (1..10000) | find_index_exp: 'x', 'x == 0' %}",
      ),
      'sorting, again and again': times(1000, '{% assign b = (1..10000) | sort %}'),
      'contains of nearly the same': `${long}{% assign b = 'y' | append: a %}${times(1000, '{% if a contains b %}1{% endif %}')}`,
      'remove of nearly the same': `${long}{% assign b = 'y' | append: a %}${times(1000, '{% assign c = a | remove: b %}')}`,
      'a date as wide as a book': "{{ 'now' | date: '%1000000000Y' }}",
    }))
      it(what, () => {
        const before = process.memoryUsage().rss
        const ms = cost(() =>
          assert.throws(
            () => renderText(template, {}),
            (error) => isProblem(error, 'invalid') && /limit exceeded|at most two digits/.test(error.message),
          ),
        )
        assert.ok(ms < 5000, `${ms} ms of this thread`)
        assert.ok(process.memoryUsage().rss - before < 512 * 1024 * 1024)
      })

    it('while 1,000 sites with ten routes each are rendered', () => {
      const sites = Array.from({ length: 1000 }, (_, i) => ({
        domain: `s${i}.example.com`,
        routes: Array(10).fill('/'),
      }))
      const text = renderText(
        '{% for site in sites %}server {{ site.domain | downcase }} {\n{% for route in site.routes %}{{ route }}\n{% endfor %}}\n{% endfor %}',
        { sites },
      )
      assert.equal(text.split('server ').length, 1001)
    })
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
      ['worker_processes', '"1; load_module x"'],
    ] as const)
      refused(
        `services: [nginx]\nconfiguration:\n  nginx: { ${option}: ${value} }\n`,
        /must match the pattern|must be/,
      )
  })
})
