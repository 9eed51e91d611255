import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Infrastructure, Node } from '#contracts/descriptors.ts'
import type { NodeRecord, Server } from '#contracts/registry.ts'
import type { NodePlan } from '#contracts/shazam.ts'
import { testParts } from '#testing/parts.ts'
import { type Consent, consentOf, findLosses } from './consent.ts'

const repo = 'ann/shop'
const small: Node['provider'] = { name: 'cloud', size: 'small' }
const large: Node['provider'] = { name: 'cloud', size: 'large' }

const node = (id: string, provider: Node['provider'] = small): Node => ({
  id,
  type: 'server',
  provider,
  services: {},
  configuration: {},
  vars: {},
})
const described = (...nodes: Node[]): Infrastructure => ({
  repo,
  commit: 'a'.repeat(40),
  nodes,
  tasks: [],
  scripts: {},
  services: [],
})
const server = (made_from: Server['made_from'] = small, provider = 'cloud'): Server => ({
  provider,
  id: '1',
  host: '192.0.2.1',
  port: 22,
  user: 'root',
  host_keys: [],
  made_from,
})
const record = (node: string, of: Server | null = server(), at = repo): NodeRecord => ({
  repo: at,
  node,
  server: of,
  facts: {},
  applied: null,
  created_at: 1,
})
const consent = (destroy: string[] = [], replace: string[] = []): Consent => ({
  destroy: new Set(destroy),
  replace: new Set(replace),
})
const planned = (node: string, verdict: NodePlan['verdict']): NodePlan => ({
  node,
  verdict,
  changes: [],
  as_of: null,
})

interface Given {
  /** Undefined: it cannot be read. */
  former?: Infrastructure
  next: Infrastructure
  plan?: NodePlan[]
  consent?: Consent
  records: NodeRecord[]
}

/** The losses, and how often the registry was asked. */
async function lossesOf({ former, next, plan, consent: agreed = consent(), records }: Given) {
  await using parts = await testParts()
  let asked = 0
  const undo = parts.bus.answer('registry.list_nodes', async (question) => {
    asked++
    assert.deepEqual(question, { repo })
    return records
  })
  const losses = await findLosses(parts.bus, { repo, former, next, plan, consent: agreed })
  await undo()
  return { asked, ...losses }
}

test('consent is what the repository allows once and for all, else what is agreed to this time', () => {
  const ask = { destroy: 'ask', replace: 'ask' } as const
  const given = consent(['web'], ['db'])
  assert.deepEqual(consentOf(ask, given), given)
  assert.deepEqual(consentOf(ask), consent())
  assert.deepEqual(consentOf({ ...ask, destroy: 'allow' }, given), consent(['all'], ['db']))
  assert.deepEqual(consentOf({ ...ask, replace: 'allow' }, given), consent(['web'], ['all']))
})

test('a node that goes loses its server; one that stays, one without server and one of another repository do not', async () => {
  const losses = await lossesOf({
    former: described(node('web'), node('db'), node('bare'), node('foreign')),
    next: described(node('db')),
    records: [record('web'), record('db'), record('bare', null), record('foreign', server(), 'bob/shop')],
  })
  assert.deepEqual(losses, { asked: 1, destroy: ['web'], replace: [] })
})

test('without the former commit, the record stands in for it: what it has and the push has not would be lost', async () => {
  const losses = await lossesOf({
    next: described(node('db')),
    records: [record('web'), record('db'), record('ci')],
    consent: consent(['ci']),
  })
  assert.deepEqual(losses, { asked: 1, destroy: ['web'], replace: [] })
})

test('without the former commit, another size than the server was made with is a loss, the same is none', async () => {
  const losses = await lossesOf({
    next: described(node('web', large), node('db')),
    records: [record('web'), record('db')],
  })
  assert.deepEqual(losses, { asked: 1, destroy: [], replace: ['web'] })
})

test('what is agreed to, by name or for all, is no loss', async () => {
  const former = described(node('web'), node('db'))
  const records = [record('web'), record('db')]
  const gone = { former, next: described(), records }
  assert.deepEqual((await lossesOf({ ...gone, consent: consent(['web']) })).destroy, ['db'])
  assert.deepEqual(await lossesOf({ ...gone, consent: consent(['all']) }), {
    asked: 0,
    destroy: [],
    replace: [],
  })
  assert.deepEqual((await lossesOf({ ...gone, consent: consent([], ['all']) })).destroy, ['web', 'db'])
  const grown = { former, next: described(node('web', large), node('db', large)), records }
  assert.deepEqual((await lossesOf({ ...grown, consent: consent([], ['web']) })).replace, ['db'])
  assert.deepEqual((await lossesOf({ ...grown, consent: consent([], ['all']) })).replace, [])
  assert.deepEqual((await lossesOf({ ...grown, consent: consent(['all']) })).replace, ['web', 'db'])
  const unread = { next: described(), records, consent: consent(['all']) }
  assert.deepEqual(await lossesOf(unread), { asked: 0, destroy: [], replace: [] })
})

test('without a plan, another provider counts as a new server where there is one that was made otherwise', async () => {
  const former = described(node('web'), node('db'), node('bare'))
  const losses = await lossesOf({
    former,
    next: described(node('web', large), node('db'), node('bare', large), node('new', large)),
    records: [record('web'), record('db'), record('bare', null), record('new')],
  })
  assert.deepEqual(losses, { asked: 1, destroy: [], replace: ['web'] })
  const there = { former, next: described(node('web', large)), records: [record('web', server(large))] }
  assert.deepEqual((await lossesOf(there)).replace, [])
})

test('the registry is not asked where nothing can be lost', async () => {
  const nodes = described(node('web'), node('db'))
  const records = [record('web', server(large)), record('db')]
  assert.deepEqual(await lossesOf({ former: nodes, next: nodes, records }), {
    asked: 0,
    destroy: [],
    replace: [],
  })
  const first = { former: described(), next: described(node('web')), records: [] }
  assert.equal((await lossesOf(first)).asked, 0)
})

test('a plan says what is replaced; where it does not know, the descriptors do', async () => {
  const former = described(node('web'), node('db'))
  const next = described(node('web', large), node('db'))
  const records = [record('web'), record('db')]
  const given = { former, next, records }
  assert.deepEqual((await lossesOf({ ...given, plan: [planned('db', 'replace')] })).replace, ['web', 'db'])
  assert.deepEqual(
    (await lossesOf({ ...given, records: [record('web')], plan: [planned('db', 'replace')] })).replace,
    ['web'],
  )
  const both = [planned('web', 'change'), planned('db', 'replace')]
  assert.deepEqual((await lossesOf({ ...given, plan: both })).replace, ['db'])
  assert.deepEqual((await lossesOf({ ...given, plan: [planned('web', 'unknown')] })).replace, ['web'])
  assert.deepEqual(
    (await lossesOf({ former, next: former, records, plan: [planned('web', 'no change')] })).asked,
    0,
  )
})

test('a linked machine is never replaced, and its loss is told as one that stays', async () => {
  const former = described(node('web', { name: 'ssh' }), node('db'))
  const records = [record('web', server({ name: 'ssh' }, 'ssh')), record('db')]
  const moved = described(node('web', large), node('db'))
  assert.deepEqual((await lossesOf({ former, next: moved, records })).replace, [])
  const gone = await lossesOf({ former, next: described(), records })
  assert.deepEqual([gone.destroy, gone.linked], [['web', 'db'], ['web']])
})

test('what becomes of the volumes of a lost server is said by node', async () => {
  const volumes = ['data:/srv', 'logs:/var/log']
  // Options of its own are the provider's: the shared type names none of them.
  const withVolumes = (of: Node['provider'], volumes: string[]): Node['provider'] =>
    Object.assign({}, of, { volumes })
  const former = described(node('web', withVolumes(small, volumes)), node('db'))
  const records = [record('web', server({ ...small, volumes })), record('db')]
  const smaller = described(node('web', withVolumes(large, ['data:/srv'])))
  const { destroy, replace, volumes: told } = await lossesOf({ former, next: smaller, records })
  assert.deepEqual([destroy, replace], [['db'], ['web']])
  assert.deepEqual(told, { web: { kept: ['data:/srv'], left: ['logs:/var/log'] } })
})

test('a registry that does not answer within ten seconds refuses, a quick one does not', async () => {
  await using parts = await testParts()
  const undo = parts.bus.answer('registry.list_nodes', async () => {
    await parts.clock.advance(10_000)
    return [record('web')]
  })
  const question = {
    repo,
    former: described(node('web')),
    next: described(),
    plan: undefined,
    consent: consent(),
  }
  await assert.rejects(findLosses(parts.bus, question), {
    code: 'unanswered',
    message: /Nobody can tell whether ann\/shop has servers that would be lost/,
  })
  await undo()
  const again = parts.bus.answer('registry.list_nodes', async () => {
    await parts.clock.advance(9_999)
    return [record('web')]
  })
  assert.deepEqual((await findLosses(parts.bus, question)).destroy, ['web'])
  await again()
})
