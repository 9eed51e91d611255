import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { NodeJob, StepJob } from '#contracts/shazam.ts'
import { settle } from '#testing/clock.ts'
import { until } from '#testing/until.ts'
import { aNode, aTask, tip } from './testing/descriptors.ts'
import { REPO, World } from './testing/world.ts'

type Outcome = 'success' | 'failure' | 'lost'

type Act =
  | { do: 'push'; nodes: string[]; version: number }
  | { do: 'run'; task: string }
  | { do: 'sync' }
  | { do: 'variable'; node: string }
  | { do: 'cancel'; pick: number }
  | { do: 'end'; pick: number; outcome: Outcome; twice: boolean }
  | { do: 'deaf'; deaf: boolean }
  | { do: 'time'; ms: number }
  | { do: 'restart' }

const NODES = ['a', 'b', 'c']
const tasks = [
  aTask('one', ['x', 'y'], { targets: ['a'], events: ['node.*.update.success', 'node.*.create.success'] }),
  aTask('two', ['x', { run: 'y', targets: ['b'] }], { targets: ['a', 'b'], events: ['task.one.run'] }),
  aTask('three', ['x'], { targets: ['c', 'b'], events: ['task.*.run.error'] }),
  {
    ...aTask(
      'four',
      [
        { id: 'x', run: 'x', retries: { count: 1, pause: 3 } },
        { run: 'y', timeout: 30 },
        { run: 'z', needs: ['x'] },
      ],
      {
        targets: ['a', 'b', 'c'],
      },
    ),
    batch: { size: 1, max_failures: 1 },
    on_failure: [{ run: 'tell', targets: ['a'] }],
    concurrency: 'replace' as const,
    timeout: 300,
  },
]

const pick = fc.nat(20)
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('push' as const), nodes: fc.subarray(NODES), version: fc.nat(2) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('run' as const),
      task: fc.constantFrom('one', 'two', 'three', 'four'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sync' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('variable' as const), node: fc.constantFrom(...NODES) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), pick }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      pick,
      outcome: fc.constantFrom<Outcome>('success', 'success', 'failure', 'lost'),
      twice: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('deaf' as const), deaf: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.constantFrom(1000, 5000, 60_000) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
)

type Job = { node: NodeJob; step?: never } | { step: StepJob; node?: never }

const stepKey = ({ run, step, node, attempt }: Pick<StepJob, 'run' | 'step' | 'node' | 'attempt'>) =>
  `${run}.${step}.${node}.${attempt}`
const keyOf = ({ node, step }: Job) => (node ? `${node.work}.${node.attempt}` : stepKey(step))
const placeOf = ({ node, step }: Job) => (node ? [node.work, node.node] : [step.run, step.node])

/** Shazam as the tasker sees it: it has jobs in hand until it says how they ended, and complains of what must not be. */
class Model {
  readonly world: World
  readonly faults: string[] = []
  /** The latest attempt of the bus at each job. */
  readonly #attempts = new Map<string, number>()
  readonly #taken = new Set<string>()
  readonly #ended = new Set<string>()
  readonly #open = new Map<string, Job>()
  #commit = 0

  constructor(world: World) {
    this.world = world
    world.onNodeJob = (node, attempt) => this.#hold({ node }, attempt)
    world.onStepJob = (step, attempt) => this.#hold({ step }, attempt)
    world.onTaken = (job) => {
      const key = 'step' in job ? keyOf({ step: job }) : keyOf({ node: job })
      if (this.#taken.has(key)) this.faults.push(`job ${key} was taken twice`)
      this.#taken.add(key)
    }
    world.stops = (step) => this.#open.delete(stepKey(step))
  }

  /**
   * A job that nobody has taken may come again, as a later attempt of the bus: its worker was stopped, a neighbour did
   * not answer, or its lease ended because time went on faster than it worked (seconds of this clock pass in no time,
   * and a busy machine does not renew the lease in it). Whoever had it before cannot take it then: the bus fences. The
   * same attempt twice, or a job that comes after it was taken, is a fault.
   */
  #hold(job: Job, attempt: number): void {
    const key = keyOf(job)
    if (attempt <= (this.#attempts.get(key) ?? 0))
      this.faults.push(`job ${key} came twice as attempt ${attempt}`)
    if (this.#taken.has(key)) this.faults.push(`job ${key} came after it was taken`)
    this.#attempts.set(key, attempt)
    if (this.#ended.has(key)) return
    const [work, node] = placeOf(job)
    for (const other of this.#open.values()) {
      const [holder, held] = placeOf(other)
      if (held === node && holder !== work) this.faults.push(`works ${holder} and ${work} meet on ${node}`)
    }
    this.#open.set(key, job)
  }

  get busy(): boolean {
    return this.#open.size > 0
  }

  async do(act: Act): Promise<void> {
    const { world } = this
    if (act.do === 'push') {
      const nodes = act.nodes.map((node) => aNode(node, { x: { version: act.version } }))
      await world.push(tip(++this.#commit, nodes, tasks))
    } else if (act.do === 'run') {
      await world.bus.ask('tasker.start_run', { repo: REPO, task: act.task, by: 'ann' }).catch(() => {})
    } else if (act.do === 'sync') {
      await world.bus.ask('tasker.sync', { repo: REPO, by: 'ann' }).catch(() => {})
    } else if (act.do === 'variable') {
      const data = { repo: REPO, address: 'vars.x', nodes: [act.node], by: 'ann', work: null }
      await world.bus.publish('var.changed', { subject: REPO, data })
    } else if (act.do === 'cancel') await this.#cancel(act.pick)
    else if (act.do === 'end') await this.end(act)
    else if (act.do === 'deaf') world.deaf = act.deaf
    else if (act.do === 'time') await world.clock.advance(act.ms)
    else await world.restart()
    await settle()
  }

  async #cancel(pick: number): Promise<void> {
    const works = await this.world.works(['waiting', 'running'])
    const work = works[pick % Math.max(1, works.length)]
    // A sync that runs answers `conflict`; so does what ended in between.
    if (work)
      await this.world.bus.ask('tasker.cancel', { repo: REPO, work: work.id, by: 'ann' }).catch(() => {})
  }

  async end({ pick, outcome, twice }: { pick: number; outcome: Outcome; twice: boolean }): Promise<void> {
    const [key, job] = [...this.#open][pick % Math.max(1, this.#open.size)] ?? []
    if (key === undefined || !job) return
    this.#open.delete(key)
    this.#ended.add(key)
    for (let times = twice ? 2 : 1; times > 0; times--) await this.#tell(job, outcome)
  }

  async #tell({ node, step }: Job, outcome: Outcome): Promise<void> {
    if (step) await this.world.finish(step, outcome === 'lost' ? 'unknown' : outcome)
    else if (outcome === 'success') await this.world.succeed(node, 'update')
    else await this.world.fail(node, { retry: outcome === 'lost' })
  }

  /** From here on all goes well: then everything must come to its end. */
  async drain(): Promise<void> {
    this.world.deaf = false
    await until(async () => {
      while (this.busy) await this.end({ pick: 0, outcome: 'success', twice: false })
      await this.world.clock.advance(30_000)
      return !this.busy && (await this.world.works(['waiting', 'running'])).length === 0
    }, 30_000)
  }
}

/** `SEED=…` repeats a series, `TASKER_TRIALS=…` makes it longer. */
test('whatever happens, no two works meet on a node, no job comes twice, and every work ends', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 40 }), async (acts) => {
      await using world = await World.open({ limit: 3 })
      const model = new Model(world)
      await model.do({ do: 'push', nodes: NODES, version: 0 })
      for (const act of acts) await model.do(act)
      await model.drain()
      assert.deepEqual(model.faults, [])
      assert.equal((await world.store.db.selectFrom('tasker_locks').selectAll().execute()).length, 0)
      await assertNodesMatchTip(world)
      const runs = await world.runs()
      for (const { state, steps } of runs) {
        assert.ok(
          steps.every((step) => step.state !== 'pending' && step.state !== 'running'),
          state,
        )
      }
    }),
    {
      numRuns: Number(process.env.TASKER_TRIALS ?? 10),
      ...(process.env.SEED && { seed: Number(process.env.SEED) }),
    },
  )
})

/** Every node of the tip has a status of its latest wish, and no other node has one unless its destroy was given up. */
async function assertNodesMatchTip(world: World): Promise<void> {
  const statuses = await world.bus.ask('tasker.node_statuses', { repo: REPO })
  const wanted = world.tips.get(REPO)?.nodes.map(({ id }) => id) ?? []
  for (const node of wanted)
    assert.ok(
      statuses.some((status) => status.node === node),
      `${node} is known`,
    )
  for (const { node, status } of statuses) {
    assert.ok(
      wanted.includes(node) || ['out of sync', 'new'].includes(status),
      `${node} is gone, not ${status}`,
    )
  }
}
