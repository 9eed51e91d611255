import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import type { Node, Option } from '#contracts/descriptors.ts'
import { renderText } from '#language'
import { checkConfiguration } from '#language/rules.ts'
import { renderShell } from '#language/shell.ts'
import { compile } from './compile.ts'
import { planLive } from './plan.ts'
import type { Entry } from './resources/kind.ts'
import { catalog, keys, nodeOf, platformKey } from './testing/graphs.ts'
import { stateFrom, type WrittenState } from './testing/state.ts'

/** `catalog/ID/cases/*.yml`: descriptor and facts in, resources and actions out. */
interface Case {
  title: string
  services: string[]
  configuration?: Node['configuration']
  scope?: Record<string, unknown>
  keys?: { user: string; key: string }[]
  platformKey?: string
  state?: WrittenState
  owned?: Entry[]
  /** All that the service brings, in order … */
  resources?: string[]
  /** … or some of it. */
  has?: string[]
  hasnt?: string[]
  /** Path -> whole content, or lines that it has; `!` before one that it must not have. */
  files?: Record<string, string | string[]>
  /** Resource -> what its script holds. */
  actions_have?: Record<string, string>
  without_actions?: string[]
  /** Refused at the push already: `OPTION: what is wrong`, all of them. */
  refuses?: string[]
}

const folder = resolve(import.meta.dirname, '../../../catalog')

for (const service of catalog) {
  const cases = readdirSync(join(folder, service.id, 'cases'))
  test(`service ${service.id} has cases`, () => assert.ok(cases.length > 0))
  for (const file of cases) {
    const each = parse(readFileSync(join(folder, service.id, 'cases', file), 'utf8')) as Case
    test(`${service.id}: ${each.title}`, () => judge(service.id, each))
  }
}

function judge(id: string, each: Case): void {
  const service = catalog.find((one) => one.id === id)
  const refused: string[] = []
  if (service)
    checkConfiguration(service, each.configuration?.[id] ?? {}, [], (at, message) =>
      refused.push(`${at.join('.')}: ${message}`),
    )
  assert.deepEqual(refused, each.refuses ?? [])
  if (!each.refuses) judgeGraph(id, each)
}

function judgeGraph(service: string, each: Case): void {
  const node = nodeOf(each.services, each.configuration)
  const graph = compile({
    node,
    catalog,
    scope: each.scope ?? {},
    keys: each.keys ?? keys,
    platformKey: each.platformKey ?? platformKey,
  })
  const ids = graph.resources.map(({ id }) => id)
  if (each.resources) {
    const alone = compile({
      node,
      catalog: catalog.filter(({ id }) => id === service),
      scope: {},
      keys,
      platformKey,
    })
    assert.deepEqual(
      alone.resources.map(({ id }) => id),
      each.resources,
    )
  }
  for (const id of each.has ?? []) assert.ok(ids.includes(id), `${id} is not in ${ids.join(', ')}`)
  for (const id of each.hasnt ?? []) assert.ok(!ids.includes(id), id)
  for (const [path, expected] of Object.entries(each.files ?? {})) {
    const wish = graph.resources.find(({ id }) => id === `file:${path}`) as { content: string } | undefined
    judgeText(path, wish?.content ?? '', expected)
  }
  const { actions } = planLive(graph, stateFrom(each.state), each.owned ?? [])
  const scripts = new Map(actions.map(({ resource, script }) => [resource, script]))
  for (const [id, text] of Object.entries(each.actions_have ?? {}))
    assert.ok(scripts.get(id)?.includes(text), `${id}: ${scripts.get(id)}`)
  for (const id of each.without_actions ?? []) assert.equal(scripts.get(id), undefined, id)
}

function judgeText(path: string, content: string, expected: string | string[]): void {
  if (typeof expected === 'string') assert.equal(content, expected, path)
  else
    for (const line of expected)
      if (line.startsWith('!')) assert.ok(!content.includes(line.slice(1)), `${path} has ${line.slice(1)}`)
      else assert.ok(content.includes(line), `${path} lacks ${line}:\n${content}`)
}

test('vhost add writes what the same site in vhosts would be', () => {
  const nginx = catalog.find(({ id }) => id === 'nginx')
  const vhost = {
    id: "it's",
    domain: 'a.example.com',
    ssl: {},
    routes: [{ uri: '/', type: 'proxy', to: 'x' }],
  }
  const wanted = renderText(nginx?.templates.vhost ?? '', { vhost })
  const script = renderShell(nginx?.templates['vhost-add.sh'] ?? '', { options: { id: vhost } })
  const [, word = ''] = /^printf '%s' ((?:.|\n)*?) >"\$new"$/m.exec(script) ?? []
  assert.equal(spawnSync('sh', { input: `printf '%s' ${word}` }).stdout.toString(), wanted)
})

test('a command that writes one of the files of its service has its template word for word', () => {
  const found = catalog.flatMap(({ id, templates }) =>
    Object.entries(templates).flatMap(([name, text]) => {
      const twin = /^# The text between capture and endcapture is templates\/(\S+); a test says so\.$/m.exec(
        text,
      )?.[1]
      const written = /\{%- capture config %\}\n(.*?)\{% endcapture %\}/s.exec(text)?.[1]
      assert.equal(twin === undefined, written === undefined, `${id}/${name}`)
      return twin === undefined ? [] : [{ name: `${id}/${name}`, written, twin: templates[twin] }]
    }),
  )
  assert.ok(found.length >= 3)
  for (const { name, written, twin } of found) assert.equal(written, twin, name)
})

test('every script of the catalog is a shell script, whatever its options hold', () => {
  for (const service of catalog)
    for (const [name, command] of Object.entries(service.commands)) {
      if (!command.script) continue
      const options = nastyOptions(command.options ?? {})
      const script = renderShell(service.templates[command.script] ?? '', { options })
      const { status, stderr } = spawnSync('sh', ['-n'], { input: script })
      assert.equal(status, 0, `${service.id} ${name}: ${stderr}`)
    }
})

const nasty = `'"$(touch /tmp/x)\`id\`;`

const nastyOptions = (options: Record<string, Option>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(options).map(([name, option]) => [
      name,
      // A list of assignments: quotes that are not closed are refused.
      name === 'extra_env' ? `K='"$(touch /tmp/x)\`id\`;' "L='"` : nastyValue(option),
    ]),
  )

function nastyValue({ type, options }: Option): unknown {
  const inner = options ? nastyOptions(options) : nasty
  return type === 'array' ? [inner] : inner
}
