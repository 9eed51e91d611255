import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Infrastructure, Node, Service } from '#contracts/descriptors.ts'
import type { Shazam } from './shazam.ts'
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
  const shazam = { bus: { ask: async (name: string) => answers[name]?.() }, catalog: [service] }
  const infrastructure: Infrastructure = {
    repo: 'ann/shop',
    commit: null,
    nodes: [node('web'), node('other')],
    tasks: [],
    scripts: {},
    services: [],
  }
  return { scope, infrastructure, open: createWishes(shazam as unknown as Shazam) }
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
