import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Infrastructure, Node, Service } from '#contracts/descriptors.ts'
import type { Shazam } from './shazam.ts'
import { NotYet } from './wish.ts'
import { createWishes } from './wishes.ts'

const service: Service = {
  id: 'motd',
  title: 'motd',
  tags: [],
  requires: [],
  base: true,
  options: { text: { type: 'string', default: 'hi' } },
  commands: {},
  resources: [{ file: '/etc/motd', content: '{{ motd.text }} {{ other.ip }} {{ color }} {{ vars.color }}' }],
  handlers: {},
  templates: {},
  facts: {},
}
const node = (id: string): Node => ({
  id,
  type: 'server',
  provider: { name: 'docker' },
  services: {},
  configuration: {},
  vars: {},
})

/** The registry's answer can be changed between two plans. */
function place() {
  const scope: Record<string, unknown> = {
    vars: { color: 'red' },
    color: 'red',
    secrets: {},
    web: { id: 'web', configuration: { motd: { text: 'hello' } }, vars: { color: 'blue' } },
    other: { ip: '192.0.2.1', configuration: { motd: { text: 'hi' } }, vars: {} },
  }
  const answers: Record<string, () => unknown> = {
    'registry.resolve': () => scope,
    'profiles.node_keys': () => [],
    'registry.platform_key': () => ({ public_key: '', private_key: '' }),
  }
  const asked: string[] = []
  const ask = async (name: string) => {
    asked.push(name)
    return answers[name]?.()
  }
  const shazam = { bus: { ask }, catalog: [service] }
  const infrastructure: Infrastructure = {
    repo: 'ann/shop',
    commit: null,
    nodes: [node('web'), node('other')],
    tasks: [],
    scripts: {},
    services: [],
  }
  return { scope, infrastructure, asked, open: createWishes(shazam as unknown as Shazam) }
}

test('a node is compiled again only when something that went into it is another', async () => {
  const { scope, infrastructure, open } = place()
  const look = async (one = node('web')) => (await open(infrastructure, {}))(one)
  const first = await look()
  assert.match(JSON.stringify(first.manifest), /hello 192\.0\.2\.1 blue blue/)
  assert.equal(await look(), first)
  scope.unrelated = { ip: '192.0.2.9' }
  assert.equal(await look(), first)
  scope.other = { ip: '192.0.2.2', configuration: {}, vars: {} }
  const moved = await look()
  assert.match(JSON.stringify(moved.manifest), /hello 192\.0\.2\.2/)
  scope.web = { id: 'web', configuration: { motd: { text: 'bye' } }, vars: {} }
  assert.match(JSON.stringify((await look()).manifest), /bye/)
  assert.notEqual(await look({ ...node('web'), name: 'Web' }), await look())
})

test('syncs that begin together ask the registry once, and one that begins later asks anew', async () => {
  const { scope, infrastructure, asked, open } = place()
  const resolves = () => asked.filter((name) => name === 'registry.resolve').length
  const together = ['web', 'other'].map(async (id) => (await open(infrastructure, {}))(node(id)))
  scope.color = 'green'
  assert.equal(resolves(), 0)
  assert.match(JSON.stringify(await Promise.all(together)), /hi .*green/)
  assert.equal(resolves(), 1)
  const another = open(infrastructure, { commit: 'f'.repeat(40) })
  await Promise.all([open(infrastructure, {}), another])
  assert.equal(resolves(), 3)
})

test('what the template of a service lacks of another node, or of its own, is waited for; what nobody has is wrong', async () => {
  const { scope, infrastructure, open } = place()
  const look = async (id: string) => (await open(infrastructure, {}))(node(id))
  const configuration = { motd: { text: 'hi' } }
  scope.other = { id: 'other', configuration, vars: {}, facts: {} }
  const later = 'other.ip is not known yet: node other has no server'
  for (const id of ['web', 'other'])
    await assert.rejects(look(id), (error: Error) => {
      assert.ok(error instanceof NotYet, error.message)
      assert.equal(error.message, later)
      return true
    })
  scope.other = { id: 'other', ip: '192.0.2.7', configuration, vars: {}, facts: {} }
  assert.match(JSON.stringify((await look('other')).manifest), /hi 192\.0\.2\.7/)
  delete scope.color
  await assert.rejects(look('other'), { code: 'invalid', message: /unknown variable "color"/ })
})
