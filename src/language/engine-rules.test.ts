import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isProblem } from '#kit/problem.ts'
import { engineRules, judgeEngineUse, safeEngineRules } from './engine-rules.ts'
import { checkRepository } from './repository.ts'

const cases: [asked: Record<string, unknown>, rules: Parameters<typeof engineRules>[0], at: string[]][] = [
  [{}, {}, []],
  [{ image: 'devops-node:13' }, {}, []],
  [{ image: 'evil:1' }, {}, ['image']],
  [{ image: 'evil/devops-node:12' }, {}, ['image']],
  [{ image: 'sha256:661dcfd63da6' }, {}, ['image']],
  [{ image: '661dcfd63da6' }, {}, ['image']],
  [{ image: 'devops-nodeX12' }, {}, ['image']],
  [{ image: 'ours.example/base:1' }, { images: ['ours.example/*'] }, []],
  [{ image: 'oursXexample/base:1' }, { images: ['ours.example/*'] }, ['image']],
  [{ image: 'devops-node:12' }, { images: ['ours.example/*'] }, ['image']],
  [{ ports: ['127.0.0.1::80', ':80', '0:80'] }, {}, []],
  [{ ports: [':80', '8080:80', '127.0.0.1:5432:5432'] }, {}, ['ports.1', 'ports.2']],
  [
    { ports: ['7999:80', '8000:80', '8999:80/udp', '9000:80'] },
    { ports: ['8000-8999'] },
    ['ports.0', 'ports.3'],
  ],
  [
    { ports: ['5432:1', '127.0.0.1:5432:1', '127.0.0.2:5432:1'] },
    { ports: ['127.0.0.1:5432'] },
    ['ports.0', 'ports.2'],
  ],
  [{ ports: ['443:80', '0.0.0.0:443:80'] }, { ports: ['443'] }, []],
  [{ ports: ['443:80', '127.0.0.1:1:80'] }, { ports: ['127.0.0.1:*'] }, ['ports.0']],
  [{ ports: ['443:80'] }, { ports: ['*'] }, []],
  [{ network: 'bridge' }, {}, ['network']],
  [{ network: 'lab' }, { networks: ['lab'] }, []],
  [{ network: 'lab2' }, { networks: ['lab'] }, ['network']],
  [{}, { for: ['none'] }, ['']],
  [{}, { for: ['bob'] }, ['']],
  [{}, { for: ['an'] }, ['']],
  [{}, { for: ['bob', 'ann'] }, []],
  [{}, { for: ['ann/shop'] }, []],
  [{}, { for: ['ann/sho'] }, ['']],
  [{}, { for: ['*/shop'] }, []],
]

for (const [asked, given, at] of cases)
  test(`${JSON.stringify(asked)} under ${JSON.stringify(given)} is ${at.length > 0 ? `refused at ${at.join(', ')}` : 'allowed'}`, () => {
    const faults = judgeEngineUse(asked, 'ann/shop', engineRules(given))
    assert.deepEqual(
      faults.map((fault) => fault.at.join('.')),
      at,
    )
    for (const { message } of faults)
      assert.match(message, /platform's own Docker engine.*devops server --docker-/)
  })

test('a rule that can mean nothing is refused', () => {
  for (const given of [
    ...['0', '65536', '90-80', 'http', '1.2.3:80', '', '80-'].map((port) => ({ ports: [port] })),
    ...['a/b/c', '', 'a b'].map((who) => ({ for: [who] })),
  ])
    assert.throws(
      () => engineRules(given),
      (error) => isProblem(error, 'invalid'),
      JSON.stringify(given),
    )
})

const node = (provider: string) => [
  { path: 'nodes/web.yml', content: `id: web\ntype: server\nprovider:\n${provider}` },
]
const findings = (provider: string, options: object = { engine: safeEngineRules }) =>
  checkRepository(node(provider), { catalog: [], repo: 'ann/shop', ...options }).findings.map(
    ({ severity, path, line, column, at }) => `${severity} ${path}:${line}:${column} ${at}`,
  )
const greedy = '  name: docker\n  image: evil:1\n  network: bridge\n  ports: ["8080:80", "127.0.0.1::81"]\n'

test('security 41: a push is refused with file and line for each thing that a node may not have', () => {
  assert.deepEqual(findings(greedy), [
    'error nodes/web.yml:5:3 provider.image',
    'error nodes/web.yml:6:3 provider.network',
    'error nodes/web.yml:7:11 provider.ports.0',
  ])
  assert.deepEqual(findings('  name: docker\n', { engine: engineRules({ for: ['bob'] }) }), [
    'error nodes/web.yml:3:1 provider',
  ])
})

test('an engine of a credential, another provider, and a commit that was accepted before are not judged by it', () => {
  const credentials = new Map([['farm', 'docker']])
  assert.deepEqual(findings(`${greedy}  credential: farm\n`, { engine: safeEngineRules, credentials }), [])
  assert.deepEqual(findings('  name: ssh\n', { engine: engineRules({ for: ['none'] }) }), [])
  assert.deepEqual(findings(greedy, { accepted: true }), [])
})
