import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Queue, type Wish } from './testing/queue.ts'

const run = (nodes: string[], rest: Partial<Wish> = {}): Wish => ({ nodes, ...rest })

test('works on different nodes start side by side, works on one node in their order', async () => {
  await using queue = await Queue.open(run(['web']), run(['db']), run(['web']))
  assert.deepEqual(await queue.start(), [0, 1])
  assert.match((await queue.waits(2)) ?? '', /^waits for node web: run of t, 0 s$/)
})

test('a work that waits reserves its nodes, so that a later one cannot starve it', async () => {
  await using queue = await Queue.open(run(['web'], { running: true }), run(['web', 'db']), run(['db']))
  assert.deepEqual(await queue.start(), [])
  assert.equal(await queue.waits(2), 'waits for node db: run of t came before and waits too')
})

test('a work whose time has not come reserves nothing and tells when to look again', async () => {
  await using queue = await Queue.open(run(['web'], { run_at: 5000 }), run(['web']))
  assert.deepEqual(await queue.start(), [1])
  assert.equal(await queue.nextDue(), 5000)
  assert.equal(await queue.waits(0), 'starts in 5 s, with all that changes until then')
})

test('nodes of the same name in two repositories are two nodes', async () => {
  await using queue = await Queue.open(run(['web']), run(['web'], { repo: 'bob/site' }))
  assert.deepEqual(await queue.start(), [0, 1])
})

test('no more works run on the platform than may, and those that wait say so', async () => {
  await using queue = await Queue.open(run(['web'], { running: true }), run(['db']), run(['app']))
  queue.limit = 2
  assert.deepEqual(await queue.start(), [1])
  assert.equal(await queue.waits(2), 'waits for a place: 2 works go on, as many as may on this platform')
})

test('no more runs of a repository go on than its setting says, while its nodes are worked on and others go on', async () => {
  await using queue = await Queue.open(
    run(['a']),
    run(['b']),
    run(['c']),
    run(['d'], { kind: 'sync' }),
    run(['a'], { repo: 'bob/site' }),
  )
  await queue.set('ann/site', { runs_at_once: 2, node_works_at_once: 1 })
  assert.deepEqual(await queue.start(), [0, 1, 3, 4])
  assert.equal(
    await queue.waits(2),
    'waits for a place: 2 runs of ann/site go on, as many as may (setting runs_at_once)',
  )
})

test('when places are few, the repository of which the fewest works run comes first', async () => {
  const ann = Array.from({ length: 10 }, (_, i) => run([`n${i}`]))
  await using queue = await Queue.open(
    ...ann,
    run(['a'], { repo: 'bob/site' }),
    run(['b'], { repo: 'bob/site' }),
  )
  queue.limit = 4
  assert.deepEqual(await queue.start(), [0, 1, 10, 11])
})

const repos = ['ann/site', 'bob/site', 'eve/site']
const few = fc.integer({ min: 1, max: 3 })
const wish: fc.Arbitrary<Wish> = fc.record({
  repo: fc.constantFrom(...repos),
  kind: fc.constantFrom('run' as const, 'sync' as const),
  nodes: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 }),
  run_at: fc.nat(2),
  running: fc.boolean(),
})
const limits = fc.record({ runs_at_once: few, node_works_at_once: few })

/** As the rules say it, one start at a time, looking at everything each time. */
function model(
  works: readonly Required<Wish>[],
  all: ReadonlyMap<string, Limits>,
  now: number,
  limit: number,
) {
  const running = new Set(works.flatMap((work, index) => (work.running ? [index] : [])))
  const runningOf = (repo: string, kind?: string) =>
    [...running].filter((i) => works[i]?.repo === repo && (!kind || works[i]?.kind === kind)).length
  const meets = (a: Wish, b: Wish) => a.repo === b.repo && a.nodes.some((node) => b.nodes.includes(node))
  const mayStart = (work: Required<Wish>, index: number): boolean =>
    !running.has(index) &&
    work.run_at <= now &&
    runningOf(work.repo, work.kind) < roomOf(all.get(work.repo), work.kind) &&
    works.every((other, at) => !meets(other, work) || at === index || isBehind(other, at, index))
  const isBehind = (other: Required<Wish>, at: number, index: number) =>
    !running.has(at) && (other.run_at > now || at > index)
  const started: number[] = []
  while (running.size < limit) {
    const ready = works.flatMap((work, index) => (mayStart(work, index) ? [{ index, ...work }] : []))
    const [next] = ready.sort((a, b) => runningOf(a.repo) - runningOf(b.repo) || a.index - b.index)
    if (!next) break
    running.add(next.index)
    started.push(next.index)
  }
  return started
}

interface Limits {
  runs_at_once: number
  node_works_at_once: number
}
const roomOf = (limits: Limits | undefined, kind: string): number =>
  (kind === 'run' ? limits?.runs_at_once : limits?.node_works_at_once) ?? 0

test('what starts is what the rules say, and all that waits after that says for what', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(wish, { maxLength: 14 }),
      fc.tuple(limits, limits, limits),
      fc.integer({ min: 1, max: 6 }),
      async (wishes, given, limit) => {
        await using queue = await Queue.open(...wishes)
        queue.limit = limit
        queue.now = 1
        for (const [index, repo] of repos.entries()) await queue.set(repo, given[index] as Limits)
        const all = new Map(repos.map((repo, index) => [repo, given[index] as Limits]))
        const expected = model(queue.works, all, 1, limit)
        assert.deepEqual(
          await queue.start(),
          expected.toSorted((a, b) => a - b),
        )
        for (const index of await queue.waiting())
          assert.ok(await queue.waits(index), `${index} says nothing`)
      },
    ),
    { numRuns: 100 },
  )
})
