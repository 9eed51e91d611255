import Type from 'typebox'
import { call, Nothing, nullable, strict } from './define.ts'
import { Approval } from './descriptors.ts'
import { CommitId, Name, RepoId, Time } from './ids.ts'
import { Drift, NodePlan } from './shazam.ts'

/** What holds a node's lock: making it match, destroying it, or a run of a task. */
export const workKinds = ['sync', 'destroy', 'run'] as const
export const workStates = ['waiting', 'running', 'succeeded', 'failed', 'cancelled', 'superseded'] as const

const State = Type.Enum(workStates)

/** What started it: `push 3f2a1c by ann`, `ann by hand`, `event node.web.create.success`. */
export const Cause = strict({
  kind: Type.Union([
    Type.Literal('push'),
    Type.Literal('hand'),
    Type.Literal('event'),
    Type.Literal('variable'),
    Type.Literal('collaborator'),
    Type.Literal('webhook'),
    Type.Literal('cron'),
    Type.Literal('retry'),
    Type.Literal('drift'),
  ]),
  by: Type.String(),
  /** Event id and type, commit, path of the webhook … */
  detail: Type.String(),
  /** How many events deep a chain of runs is. */
  depth: Type.Integer({ minimum: 0 }),
})

/** Where a sync is. `resource` is at work as number `at` of `of`, since a time. */
export const Progress = strict({
  at: Type.Integer({ minimum: 1 }),
  of: Type.Integer({ minimum: 1 }),
  resource: Type.String(),
  since: Time,
})

export const Work = strict({
  id: Type.String(),
  repo: RepoId,
  kind: Type.Enum(workKinds),
  nodes: Type.Array(Name),
  state: State,
  /** A sentence while it waits: `waits for node web: sync of 3f2a1c, 12 s`. */
  waits_for: nullable(Type.String()),
  /** Of a sync that changes its node now. */
  progress: nullable(Progress),
  commit: nullable(CommitId),
  task: nullable(Name),
  attempt: Type.Integer(),
  cause: Cause,
  error: nullable(Type.String()),
  created_at: Time,
  started_at: nullable(Time),
  ended_at: nullable(Time),
})

export const runStepStates = [
  'pending',
  'running',
  'success',
  'failure',
  'unknown',
  'skipped',
  'stopped',
] as const

export const RunStep = strict({
  step: Type.Integer(),
  name: Type.String(),
  node: Name,
  state: Type.Enum(runStepStates),
  attempt: Type.Integer(),
  exit: nullable(Type.Integer()),
  error: nullable(Type.String()),
  /** What it gave to later steps, secrets as `***`. */
  outputs: Type.Record(Type.String(), Type.String()),
  /** When it is tried again. */
  retry_at: nullable(Time),
  started_at: nullable(Time),
  ended_at: nullable(Time),
})

/** The approval that a run waits for, or has got. */
export const Consent = strict({
  by: Approval.properties.by,
  /** Who started the run may not give it. */
  other: Type.Boolean(),
  until: Time,
  given: nullable(strict({ by: Type.String(), at: Time })),
})

/** A run is a work of kind `run` with its steps. */
export const Run = strict({
  ...Work.properties,
  consent: nullable(Consent),
  steps: Type.Array(RunStep),
})

export const nodeStatuses = [
  'synced',
  'drifted',
  'syncing',
  'waiting',
  'out of sync',
  'new',
  'destroying',
] as const
export const NodeStatus = strict({
  repo: RepoId,
  node: Name,
  status: Type.Enum(nodeStatuses),
  /** The commit that it matches. */
  commit: nullable(CommitId),
  waits_for: nullable(Type.String()),
  error: nullable(Type.String()),
  /** What was found to be not as applied; null: nothing. */
  drift: nullable(strict({ since: Time, fields: Type.Array(Drift) })),
  /** The latest sync or destroy. */
  work: nullable(Type.String()),
  changed_at: nullable(Time),
})

/** What a look at the servers found to do. A sync can be held to it until it expires. */
export const Plan = strict({
  id: Type.String(),
  repo: RepoId,
  commit: CommitId,
  by: Type.String(),
  /** Names what was seen and what would be done: two plans with the same digest do the same. */
  digest: Type.String(),
  nodes: Type.Array(NodePlan),
  created_at: Time,
  expires_at: Time,
})

const Refer = strict({ repo: RepoId, run: Type.String() })

export const calls = {
  /** Queues a sync of a node (all nodes when absent) with the active commit; starts a new series of attempts. */
  'tasker.sync': call(
    strict({ repo: RepoId, node: Type.Optional(Name), by: Type.String() }),
    Type.Array(Work),
  ),
  /** Queues the removal of all that is ours from a linked machine. Throws `conflict` when the node is no such. */
  'tasker.unlink': call(strict({ repo: RepoId, node: Name, by: Type.String() }), Work),
  /** Looks at the servers; of one node or of all. */
  'tasker.make_plan': call(strict({ repo: RepoId, node: Type.Optional(Name), by: Type.String() }), Plan),
  'tasker.get_plan': call(strict({ repo: RepoId, plan: Type.String() }), Plan),
  /**
   * Queues the syncs of a plan's nodes that have something to do. Throws `plan_moved`, with what it is, when the commit
   * or a server has moved; a server that moves later is found out before it is touched, and its sync fails.
   */
  'tasker.sync_plan': call(
    strict({ repo: RepoId, plan: Type.String(), by: Type.String() }),
    Type.Array(Work),
  ),
  'tasker.start_run': call(
    strict({
      repo: RepoId,
      task: Name,
      vars: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      by: Type.String(),
    }),
    Run,
  ),
  /**
   * What a step comes down to on one node, rendered when it is asked for: so no queue and no table holds its text.
   * `script`: with its `#!`, or lines for sh; null with an `error` when it cannot be rendered. `secrets`: texts that
   * nothing may show of its output.
   */
  'tasker.step_script': call(
    strict({ repo: RepoId, run: Type.String(), step: Type.Integer(), node: Name }),
    strict({
      script: nullable(Type.String()),
      user: Type.String(),
      /** Of its process, rendered. */
      env: Type.Record(Type.String(), Type.String()),
      error: nullable(Type.String()),
      secrets: Type.Array(Type.String()),
    }),
  ),
  /** Lets a run that waits for approval begin, or ends it. Throws `forbidden` with who may, `conflict` when it does not wait. */
  'tasker.consent': call(
    strict({
      ...Refer.properties,
      by: Type.String(),
      approve: Type.Boolean(),
      why: Type.Optional(Type.String({ maxLength: 500 })),
    }),
    Run,
  ),
  /**
   * Runs again what a run that has ended was made from: the same commit, scripts and values. `failed`: only on the nodes
   * that failed, from the step that failed.
   */
  'tasker.retry_run': call(strict({ ...Refer.properties, by: Type.String(), failed: Type.Boolean() }), Run),
  'tasker.cancel': call(strict({ repo: RepoId, work: Type.String(), by: Type.String() }), Work),
  'tasker.get_run': call(Refer, Run),
  /** Newest first. */
  'tasker.list_runs': call(
    strict({ repo: RepoId, task: Type.Optional(Name), limit: Type.Integer({ minimum: 1, maximum: 1000 }) }),
    Type.Array(Run),
  ),
  /** By the worker of a sync; of another attempt than the present one it changes nothing. */
  'tasker.note_progress': call(
    strict({ repo: RepoId, work: Type.String(), attempt: Type.Integer(), progress: Progress }),
    Nothing,
  ),
  'tasker.get_work': call(strict({ repo: RepoId, work: Type.String() }), Work),
  /** Newest first; of every repository when absent. */
  'tasker.list_works': call(
    strict({
      repo: Type.Optional(RepoId),
      node: Type.Optional(Name),
      states: Type.Optional(Type.Array(State)),
      limit: Type.Integer({ minimum: 1, maximum: 1000 }),
    }),
    Type.Array(Work),
  ),
  /**
   * Everything that belongs to a repository that was deleted at this time (milliseconds) leaves, or is hidden for good;
   * to do it twice changes nothing. Announced as well (`repo.deleted`); asked before a repository of the same name is made.
   */
  'tasker.forget_repository': call(strict({ repo: RepoId, at: Time }), Nothing),
  /**
   * Starts nothing of a repository for a minute, in which it may be deleted. Throws `conflict` with what runs, as that may
   * be making a server.
   */
  'tasker.close_repository': call(strict({ repo: RepoId }), Nothing),
  /** It was not deleted after all. */
  'tasker.reopen_repository': call(strict({ repo: RepoId }), Nothing),
  'tasker.node_statuses': call(strict({ repo: RepoId }), Type.Array(NodeStatus)),
}

const RunEvent = strict({
  repo: RepoId,
  task: Name,
  run: Type.String(),
  depth: Type.Integer(),
  error: nullable(Type.String()),
})

export const events = {
  'task.*.run.start': RunEvent,
  'task.*.run.success': RunEvent,
  'task.*.run.error': RunEvent,
  /**
   * A node is not as it was applied, found by a look between its works. Once for each distinct drift, however often it is
   * seen. Announced by who looks, so that it is one transaction with what is remembered of it.
   */
  'node.*.drift': strict({
    repo: RepoId,
    node: Name,
    commit: CommitId,
    fields: Type.Array(Drift),
    /** Whether a sync that puts it right is queued. */
    heals: Type.Boolean(),
    /** The work on the node since the look before that stands deepest in a chain of events; null: there was none. */
    work: nullable(Type.String()),
  }),
  /** A work changed its state: for faces that watch. */
  'work.changed': strict({ repo: RepoId, work: Type.String(), kind: Work.properties.kind, state: State }),
}

export const queues = {
  /** Look at a run and do its next thing; to do it twice changes nothing. */
  'tasker.advance': strict({ run: Type.String() }),
}

export type Progress = Type.Static<typeof Progress>
export type Work = Type.Static<typeof Work>
export type Cause = Type.Static<typeof Cause>
export type Consent = Type.Static<typeof Consent>
export type Run = Type.Static<typeof Run>
export type RunStep = Type.Static<typeof RunStep>
export type Plan = Type.Static<typeof Plan>
export type NodeStatus = Type.Static<typeof NodeStatus>
export type WorkState = (typeof workStates)[number]
