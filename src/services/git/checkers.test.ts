import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { silentLog } from '#kit/log.ts'
import { isProblem } from '#kit/problem.ts'
import { checkRepository, type File, readCatalog } from '#language'
import { failOnLeaks } from '#testing/leaks.ts'
import { until } from '#testing/until.ts'
import { Checkers } from './checkers.ts'

failOnLeaks()

const cases = join(import.meta.dirname, '../../language/cases')
const catalog = readCatalog(join(cases, 'catalog'))
const start = (limits: { judge?: number; memory?: number } = {}) =>
  new Checkers({ catalog, limits: { judge: 60_000, memory: 1024, ...limits }, log: silentLog })

const head = (id: string) => `id: ${id}\ntype: server\nprovider: { name: docker }\n`
const small: File[] = [{ path: 'nodes/web.yml', content: head('web') }]
/** Takes some seconds: thousands of templates in each of a hundred nodes. */
const large: File[] = Array.from({ length: 100 }, (_, i) => ({
  path: `nodes/n${i}.yml`,
  content: `${head(`n${i}`)}vars:\n${Array.from({ length: 1500 }, (_, j) => `  v${j}: "{{ n${(i + 1) % 100}.ip }} ${i} ${j} {{ n0.ip }}"\n`).join('')}`,
}))

const unjudged = (says: RegExp) => (error: unknown) =>
  isProblem(error, 'unjudged') && says.test((error as Error).message)
const isAlive = (pid: number) => existsSync(`/proc/${pid}`)
const good = async (checkers: Checkers, repo = 'ann/shop') =>
  assert.deepEqual((await checkers.check(repo, small, {})).findings, [])

test('what a process of its own says is what the language says', async () => {
  await using checkers = start()
  const all = readdirSync(cases)
    .filter((name) => name.endsWith('.yml'))
    .flatMap((name) => parse(readFileSync(join(cases, name), 'utf8')) as { files: Record<string, unknown> }[])
  const options = {
    variables: ['color'],
    secrets: ['token'],
    credentials: new Map([['hetzner', 'hetzner']]),
  }
  assert.ok(all.length > 100)
  for (const each of all) {
    const files = Object.entries(each.files).flatMap(([path, content]) =>
      typeof content === 'string' ? { path, content } : [],
    )
    assert.deepEqual(
      await checkers.check('ann/shop', files, options),
      JSON.parse(JSON.stringify(checkRepository(files, { repo: 'ann/shop', catalog, ...options }))),
    )
  }
})

test('a result of many messages comes whole', async () => {
  await using checkers = start()
  const scripts = Array.from({ length: 40 }, (_, i) => ({
    path: `scripts/s${i}.sh`,
    content: `echo ${i} ${'é'.repeat(50_000)}\n`,
  }))
  const { infrastructure, findings } = await checkers.check(
    'ann/shop',
    [...large.slice(0, 9), ...scripts],
    {},
  )
  assert.deepEqual(
    findings.length > 0 && infrastructure.nodes.map(({ id }) => id),
    large.slice(0, 9).map((_, i) => `n${i}`),
  )
  assert.deepEqual(Object.entries(infrastructure.scripts).length, 40)
  assert.equal(infrastructure.scripts['scripts/s39.sh'], scripts[39]?.content)
})

test('one that runs out of memory refuses, and the next is judged by another', async () => {
  await using checkers = start({ memory: 40 })
  await assert.rejects(checkers.check('ann/shop', large, {}), unjudged(/more than the 40 MiB of memory/))
  await good(checkers)
})

test('one that takes too long refuses, and is ended', async () => {
  await using checkers = start({ judge: 50 })
  const [pid = 0] = checkers.pids
  await assert.rejects(checkers.check('ann/shop', large, {}), unjudged(/it took longer than 0\.05 s/))
  await until(() => !isAlive(pid))
  assert.ok(checkers.pids.every((one) => one !== pid))
})

test('one that is killed while it judges refuses, and the next is judged by another', async () => {
  await using checkers = start()
  const [pid = 0] = checkers.pids
  const judged = assert.rejects(checkers.check('ann/shop', large, {}), unjudged(/was killed/))
  process.kill(pid, 'SIGKILL')
  await judged
  await good(checkers)
})

test('one that was killed while it waited is replaced unnoticed', async () => {
  await using checkers = start()
  await good(checkers)
  const [pid = 0] = checkers.pids
  process.kill(pid, 'SIGKILL')
  await until(() => !checkers.pids.includes(pid))
  await good(checkers)
})

test('signals that are for the platform end no judgement', async () => {
  await using checkers = start()
  await good(checkers)
  const [pid = 0] = checkers.pids
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid, signal)
  await good(checkers)
  assert.deepEqual(checkers.pids, [pid])
})

test('what one owner pushes is judged in turn, and another owner does not wait for it', async () => {
  await using checkers = start()
  const order: string[] = []
  const push = (repo: string, files: File[]) => checkers.check(repo, files, {}).then(() => order.push(repo))
  await Promise.all([
    push('eve/a', large.slice(0, 20)),
    push('eve/b', small),
    push('eve/c', small),
    push('ann/shop', small),
  ])
  assert.deepEqual(order, ['ann/shop', 'eve/a', 'eve/b', 'eve/c'])
})

test('a platform that stops refuses what is judged and what waits, and leaves no process', async () => {
  const checkers = start()
  const asked = ['eve/a', 'eve/b', 'ann/shop'].map((repo) =>
    assert.rejects(checkers.check(repo, large, {}), unjudged(/the platform stops/)),
  )
  const { pids } = checkers
  assert.equal(pids.length, 2)
  await checkers[Symbol.asyncDispose]()
  await Promise.all(asked)
  assert.deepEqual(pids.filter(isAlive), [])
  await assert.rejects(checkers.check('ann/shop', small, {}), unjudged(/the platform stops/))
})
