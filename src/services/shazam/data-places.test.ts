import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile } from './compile.ts'
import { planLive } from './plan.ts'
import { planRecorded } from './recorded.ts'
import { catalog, catalogGraph, keys, nodeOf, platformKey, serviceOf } from './testing/graphs.ts'
import { stateFrom } from './testing/state.ts'

/** Where data are is an option: what was kept at the former place may be the only copy of them. */
const service = (id: string, items: string) => serviceOf(id, `resources: [${items}]`)
const graph = (items: string, purge: true | string[], ...others: ReturnType<typeof service>[]) => {
  const catalog = [service('db', items), ...others]
  return compile({
    node: { ...nodeOf(catalog.map(({ id }) => id)), purge },
    catalog,
    scope: {},
    keys,
    platformKey,
  })
}
const folders = (...paths: string[]) =>
  stateFrom({ files: Object.fromEntries(paths.map((path) => [path, { type: 'directory', mode: '755' }])) })
const first = '{directory: /srv/first, keep: true}'
const second = '{directory: /srv/second, keep: true}, {command: move, run: move, unless: moved}'

for (const purge of [true, ['db']] as const)
  test(`with purge: ${JSON.stringify(purge)}, a kept folder leaves last and only when it is empty while its service keeps data elsewhere`, () => {
    const before = graph(first, [])
    const now = graph(second, purge === true ? true : [...purge])
    const { actions } = planLive(now, folders('/srv/first'), before.manifest)
    assert.deepEqual(
      actions.map(({ resource }) => resource),
      ['directory:/srv/second', 'command:move', 'directory:/srv/first'],
    )
    assert.doesNotMatch(actions.at(-1)?.script ?? '', /purge_folder|rm /)
    assert.match(planRecorded(now, before.manifest)[0]?.summary ?? '', /if it is empty/)
    // What the service left in it is known, and is no reason for a plan that is never empty.
    const spent = before.manifest.map((entry) => ({ ...entry, kept: true, spent: true }))
    const again = planLive(now, folders('/srv/first', '/srv/second'), spent)
    assert.deepEqual(
      again.changes
        .filter(({ resource }) => resource === 'directory:/srv/first')
        .map(({ verdict }) => verdict),
      ['skipped'],
    )
    // With the service, all that it kept leaves.
    const left = graph('', purge === true ? true : [...purge])
    assert.match(planLive(left, folders('/srv/first'), spent).actions[0]?.script ?? '', /purge_folder/)
  })

test('files, users and packages that hold data stay while their service keeps data elsewhere', () => {
  const before = graph('{file: /srv/key, content: x, keep: true}, {user: shop, keep: true}', [])
  const now = graph(second, ['db'])
  const state = stateFrom({ files: { '/srv/key': {} }, users: { shop: {} } })
  assert.deepEqual(
    planLive(now, state, before.manifest)
      .changes.slice(0, 2)
      .map(({ verdict }) => verdict),
    ['skipped', 'skipped'],
  )
})

test('a renamed service keeps the data of the former one', () => {
  const before = graph(first, [])
  const renamed = compile({
    node: { ...nodeOf(['store']), purge: ['db'] },
    catalog: [service('store', first)],
    scope: {},
    keys,
    platformKey,
  })
  assert.deepEqual(planLive(renamed, folders('/srv/first'), before.manifest).actions, [])
})

test('a folder of data that a command looks after stays where another service is purged around it', () => {
  const app = service('app', '{directory: /srv/app, keep: true}')
  const before = graph('{command: move, run: move, data: /srv/app/db}', [], app)
  const now = graph('{command: move, run: move, data: /srv/app/db}', ['app'])
  const { changes, staying } = planLive(now, folders('/srv/app'), before.manifest)
  assert.match(changes[0]?.summary ?? '', /but \/srv\/app\/db of command:move stays/)
  assert.deepEqual(staying, ['/srv/app/db'])
})

for (const [data_directory, place] of [
  ['/srv/pg', '/srv/pg'],
  ['/srv/pg/%v', '/srv/pg'],
  ['/srv/%v/pg', '/srv'],
  ['/srv/pg-%v', '/srv'],
  [undefined, '/var/lib/postgresql'],
] as const)
  test(`the data of PostgreSQL in ${data_directory ?? 'their usual place'} are known to be in ${place}`, () => {
    const { resources } = catalogGraph(['postgresql'], {
      postgresql: data_directory ? { data_directory } : {},
    })
    const mover = resources.find(({ id }) => id === 'command:move the data of PostgreSQL')
    assert.equal((mover as { data?: string } | undefined)?.data, place)
  })

test('the data of Docker in another data-root stay where another service is purged around them', () => {
  const configuration = { docker: { settings: { 'data-root': '/srv/app/docker' } } }
  const app = service('app', '{directory: /srv/app, keep: true}')
  const of = (services: string[], purge: string[]) =>
    compile({
      ...{ node: { ...nodeOf(services, configuration), purge }, catalog: [...catalog, app] },
      ...{ scope: {}, keys, platformKey },
    })
  const before = of(['docker', 'app'], [])
  const { changes } = planLive(of(['docker'], ['app']), folders('/srv/app'), before.manifest)
  const said = changes.find(({ resource }) => resource === 'directory:/srv/app')?.summary
  assert.match(said ?? '', /remove what is in directory \/srv\/app, but \/srv\/app\/docker of .* stays/)
})
