import type { BusEvent, Lease } from '#bus'
import { embeddedBus } from '#bus/embedded.ts'
import type { EventPattern, Input, Output } from '#contracts'
import type { Infrastructure } from '#contracts/descriptors.ts'
import type { Agreed } from '#contracts/git.ts'
import type { NewLine } from '#contracts/logger.ts'
import type { Drift, NodeJob, NodePlan, StepJob } from '#contracts/shazam.ts'
import { silentLog } from '#kit/log.ts'
import { Problem } from '#kit/problem.ts'
import { startService } from '#kit/service.ts'
import type { Store } from '#store'
import { openSqlite } from '#store/sqlite.ts'
import { type FakeClock, fakeClock } from '#testing/clock.ts'
import { failOnScans } from '#testing/scans.ts'
import { until } from '#testing/until.ts'
import { type TaskerOptions, tasker } from '../index.ts'
import type { Tables } from '../tables.ts'

failOnScans()

export const REPO = 'ann/site'

export type StartedStep = StepJob & Output<'tasker.step_script'>

/** The tasker on a real store and bus; its neighbours answer at the contract, and a test says what they say. */
export class World implements AsyncDisposable {
  readonly store: Store<Tables>
  readonly clock: FakeClock
  /** Repository -> tip. */
  readonly tips = new Map<string, Infrastructure>()
  readonly lines: NewLine[] = []
  /** Jobs as shazam got them, in order. */
  readonly nodeJobs: NodeJob[] = []
  readonly stepJobs: StartedStep[] = []
  readonly events: BusEvent[] = []
  /** What `registry.resolve` gives, besides the nodes. */
  resolved: Record<string, unknown> = { vars: {} }
  /** Variables that steps set. */
  readonly set: Input<'registry.set_variable'>[] = []
  /** The nodes that use every variable. */
  users: string[] = []
  /** What a look of shazam finds. */
  plans: NodePlan[] = []
  /** What a look for drift finds; undefined: the node cannot be reached. */
  drift: Drift[] | undefined = []
  looks = 0
  onLook: () => Promise<void> = async () => {}
  /** Nodes of which the registry has a server. */
  servers: string[] = []
  /** What is about to be answered for the tip of a repository: a test may hold it up. */
  onTip: (tip: Infrastructure) => Promise<void> = async () => {}
  /** Git and the registry do not answer. */
  deaf = false
  readonly audit: Input<'profiles.record_audit'>[] = []
  /** `user action` that are refused. */
  readonly forbidden = new Set<string>()
  /** Before a question about rights is answered with yes. */
  onAuthorize: (asked: Input<'profiles.authorize'>) => Promise<unknown> = async () => {}
  auditBroken = false
  /** Before the registry resolves something. */
  onResolve: () => Promise<void> = async () => {}
  /** Whether shazam finds something to stop. */
  stops: (step: Pick<StepJob, 'run' | 'step' | 'node' | 'attempt'>) => boolean = () => true
  /** Sees each job as shazam gets it; a throw sends it back. */
  onNodeJob: (job: NodeJob, attempt: number) => void = () => {}
  onStepJob: (job: StepJob, attempt: number) => void = () => {}
  /** Sees each job once it is taken for good: one that comes again because its worker was stopped before is one job. */
  onTaken: (job: NodeJob | StepJob) => void = () => {}
  readonly #options: TaskerOptions
  #bus: Awaited<ReturnType<typeof embeddedBus>> | undefined
  #stack = new AsyncDisposableStack()

  private constructor(store: Store<Tables>, options: TaskerOptions) {
    this.store = store
    this.clock = fakeClock()
    this.#options = options
  }

  static async open(options: TaskerOptions = {}): Promise<World> {
    const world = new World(openSqlite(':memory:').as<Tables>(), options)
    await world.#start()
    return world
  }

  get bus() {
    if (!this.#bus) throw new Error('the world is stopped')
    return this.#bus
  }

  async #start(): Promise<void> {
    const { store, clock } = this
    const log = silentLog
    this.#stack = new AsyncDisposableStack()
    this.#bus = await embeddedBus({ store, clock, log, source: 'test' })
    this.#stack.use(this.#bus)
    this.#answer()
    this.#watch()
    this.#stack.use(await startService(tasker, { bus: this.#bus, store, clock, log }, this.#options))
  }

  /** Stops bus and service in the middle of whatever they do, and starts both again on the same store. */
  async restart(between: () => void = () => {}): Promise<void> {
    await this.#stack.disposeAsync()
    between()
    await this.#start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
    await this.store[Symbol.asyncDispose]()
  }

  #answer(): void {
    const { bus } = this
    bus.answer('git.infrastructure', async ({ repo }) => {
      if (this.deaf) throw new Problem('no_answer', { call: 'git.infrastructure' })
      const tip = this.tips.get(repo)
      if (!tip) throw new Problem('not_found', { what: `repository ${repo}` })
      await this.onTip(tip)
      return tip
    })
    bus.answer('registry.list_nodes', async () => {
      if (this.deaf) throw new Problem('no_answer', { call: 'registry.list_nodes' })
      return this.servers.map((node) => ({
        repo: REPO,
        node,
        server: {
          provider: 'docker',
          id: node,
          host: '10.0.0.1',
          port: 22,
          user: 'devops',
          host_keys: [],
          made_from: {},
        },
        facts: {},
        applied: null,
        created_at: null,
      }))
    })
    bus.answer('git.list_repositories', async ({ owner }) =>
      [...this.tips.values()]
        .filter(({ repo }) => owner === undefined || repo.startsWith(`${owner}/`))
        .map(({ repo, commit }) => ({ repo, commit, created_at: 0, branch: 'main' })),
    )
    bus.answer('profiles.collaborations', async ({ user }) => [{ repo: REPO, user, role: 'write' as const }])
    bus.answer('registry.resolve', async ({ nodes = [] }) => {
      await this.onResolve()
      if (this.deaf) throw new Problem('no_answer', { call: 'registry.resolve' })
      return { $views: Object.fromEntries(nodes.map((node) => [node, this.resolved.vars])), ...this.resolved }
    })
    bus.answer('registry.set_variable', async (input) => {
      const { source, by, ...variable } = input
      this.set.push(input)
      const { repo, name } = variable
      const work = source?.kind === 'run' ? source.id : null
      const data = { repo, address: `vars.${name}`, nodes: this.users, by, work }
      await bus.publish('var.changed', { subject: repo, data })
      return { ...variable, set_at: this.clock.now(), set_by: by, source: source ?? null }
    })
    bus.answer('registry.reveal_secret', async ({ name }) => {
      const { [name]: value = null } = (this.resolved.secrets ?? {}) as Record<string, string>
      return { value }
    })
    bus.answer('profiles.authorize', async (asked) => {
      const { user, action } = asked
      if (this.forbidden.has(`${user} ${action}`)) throw new Problem('forbidden', { user, action })
      await this.onAuthorize(asked)
      return {}
    })
    bus.answer('profiles.record_audit', async (record) => {
      if (this.auditBroken) throw new Problem('unaudited', { reason: 'the disk is full' })
      return { seq: this.audit.push(record) }
    })
    bus.answer('shazam.command', async ({ service, command }) => ({
      template: `${service} ${command} {{ options.size }}`,
      user: 'root',
      defaults: { size: 3 },
    }))
    bus.answer('shazam.plan', async ({ nodes }) =>
      this.plans.filter(({ node }) => nodes?.includes(node) ?? true),
    )
    bus.answer('shazam.drift', async ({ node }) => {
      await this.onLook()
      this.looks++
      if (!this.drift) throw new Problem('unreachable', { node, reason: 'it is down' })
      return { fields: this.drift }
    })
    bus.answer('shazam.stop_step', async (step) => ({ stopped: this.stops(step), left: '' }))
    bus.answer('logger.append', async ({ lines }) => {
      this.lines.push(...lines)
      return { last: this.lines.length }
    })
  }

  #watch(): void {
    const patterns: EventPattern[] = [
      'work.changed',
      'task.*.run.start',
      'task.*.run.success',
      'task.*.run.error',
      'node.*.drift',
    ]
    this.bus.on('test.events', patterns, async (event) => void this.events.push(event))
    const many = { concurrency: 20 }
    this.bus.work(
      'shazam.nodes',
      async (job, lease) => this.#take(lease, job, this.nodeJobs, this.onNodeJob),
      many,
    )
    this.bus.work('shazam.steps', async (job, lease) => this.#startStep(job, lease), many)
  }

  /** A job that came, and came again because its worker was stopped before it had said so, is one job. */
  async #take<J extends NodeJob | StepJob>(
    lease: Lease,
    job: J,
    jobs: J[],
    look: (job: J, attempt: number) => void = () => {},
  ): Promise<void> {
    look(job, lease.attempt)
    await lease.once(async (tx) =>
      tx.afterCommit(() => {
        jobs.push(job)
        this.onTaken(job)
      }),
    )
  }

  /** Asks for the text of a step as it starts, as shazam does. */
  async #startStep(job: StepJob, lease: Lease): Promise<void> {
    const { repo, run, step, node } = job
    this.onStepJob(job, lease.attempt)
    const text = await this.bus.ask('tasker.step_script', { repo, run, step, node })
    await this.#take(lease, { ...job, ...text }, this.stepJobs)
  }

  /** Makes this the tip and tells of it. */
  async push(tip: Infrastructure, by = 'ann', agreed?: Agreed): Promise<void> {
    const before = this.tips.get(tip.repo)?.commit ?? null
    this.tips.set(tip.repo, tip)
    const data = {
      repo: tip.repo,
      branch: 'main',
      before,
      after: tip.commit,
      by,
      ...(agreed && { agreed }),
    }
    await this.bus.publish('repo.pushed', { subject: tip.repo, data })
  }

  /** The n-th job that shazam gets, from 1. */
  nodeJob = (n: number): Promise<NodeJob> => until(() => this.nodeJobs[n - 1])
  stepJob = (n: number): Promise<StartedStep> => until(() => this.stepJobs[n - 1])

  /** The same when a worker may have been stopped in the middle: what it did is tried again after a while. */
  stepJobLater = (n: number): Promise<StartedStep> =>
    until(async () => {
      if (!this.stepJobs[n - 1]) await this.clock.advance(1_000)
      return this.stepJobs[n - 1]
    })

  async succeed(job: NodeJob, verb: 'create' | 'update' = 'create'): Promise<void> {
    const { goal, promised: _, agreed: _agreed, ...data } = job
    const pattern = goal === 'destroy' ? 'node.*.delete.success' : (`node.*.${verb}.success` as const)
    const subject = `${job.repo}/${job.node}`
    await this.bus.publish(pattern, { name: job.node, subject, data: { ...data, changed: 1, ms: 1000 } })
  }

  async fail(job: NodeJob, { message = 'it broke', code = 'internal', retry = true } = {}): Promise<void> {
    const { goal, promised: _, agreed: _agreed, ...data } = job
    const pattern = goal === 'destroy' ? 'node.*.delete.error' : 'node.*.update.error'
    const subject = `${job.repo}/${job.node}`
    await this.bus.publish(pattern, {
      name: job.node,
      subject,
      data: { ...data, error: { code, message }, retry },
    })
  }

  /** What it needs is to come. */
  async wait(job: NodeJob, code: 'unresolved' | 'unlinked', message: string): Promise<void> {
    const { goal: _, promised: _promised, agreed: _agreed, ...work } = job
    const data = { ...work, reason: { code, message } }
    const subject = `${job.repo}/${job.node}`
    await this.bus.publish('node.*.waits', { name: job.node, subject, data })
  }

  async finish(
    job: StepJob,
    outcome: 'success' | 'failure' | 'unknown' | 'stopped' = 'success',
    stdout = '',
    outputs: Record<string, string> = {},
  ): Promise<void> {
    const { repo, run, step, node, attempt } = job
    const exit = outcome === 'success' ? 0 : outcome === 'failure' ? 1 : null
    const error = outcome === 'unknown' ? 'the link was lost' : null
    const data = { repo, run, step, node, attempt, outcome, exit, error, stdout, outputs }
    await this.bus.publish('step.finished', { subject: `${run}/${data.node}`, data })
  }

  works = (states?: ('waiting' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'superseded')[]) =>
    this.bus.ask('tasker.list_works', { limit: 1000, ...(states && { states }) })

  run = (run: string) => this.bus.ask('tasker.get_run', { repo: REPO, run })
  runs = () => this.bus.ask('tasker.list_runs', { repo: REPO, limit: 1000 })

  async status(node: string) {
    const statuses = await this.bus.ask('tasker.node_statuses', { repo: REPO })
    return statuses.find((status) => status.node === node)
  }

  /** Brings all nodes of a push to success. */
  async settleNodes(): Promise<void> {
    let done = 0
    await until(async () => {
      for (; done < this.nodeJobs.length; done++) {
        const job = this.nodeJobs[done]
        if (job) await this.succeed(job)
      }
      const open = await this.works(['waiting', 'running'])
      return this.nodeJobs.length > 0 && open.every((work) => work.kind === 'run')
    })
    this.nodeJobs.length = 0
  }
}
