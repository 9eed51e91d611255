import Type from 'typebox'
import { call, Nothing, nullable, strict } from './define.ts'
import { Infrastructure } from './descriptors.ts'
import { CommitId, Name, RepoId, Time } from './ids.ts'

export const Verdict = Type.Union([
  Type.Literal('no change'),
  Type.Literal('change'),
  Type.Literal('unknown until it runs'),
  Type.Literal('skipped'),
])

export const Change = strict({
  /** `file:/etc/nginx/nginx.conf` */
  resource: Type.String(),
  verdict: Verdict,
  /** One line: what will happen, or why not. */
  summary: Type.String(),
  /** Unified diff, secrets as `***`. */
  diff: Type.Optional(Type.String()),
})

export const NodePlan = strict({
  node: Name,
  verdict: Type.Union([
    Type.Literal('create'),
    Type.Literal('change'),
    Type.Literal('no change'),
    Type.Literal('replace'),
    Type.Literal('destroy'),
    Type.Literal('unknown'),
  ]),
  /** Why the verdict, when it is not plain: "cannot be reached: …". */
  reason: Type.Optional(Type.String()),
  changes: Type.Array(Change),
  /** When the state was read that the plan is made against; null: never. */
  as_of: nullable(Time),
  /** Of a plan that looked at the server: names what would be done and what it was judged by. */
  digest: Type.Optional(Type.String()),
})

/** A field of a node that is not as it was applied. Secrets as `***`. */
export const Drift = strict({
  /** `file:/etc/nginx/nginx.conf` */
  resource: Type.String(),
  /** `mode` */
  attribute: Type.String(),
  /** As applied. */
  before: Type.String(),
  /** As found. */
  after: Type.String(),
})

/** A sync that may do what a plan said, and nothing else. */
export const Promised = strict({
  plan: Type.String(),
  verdict: NodePlan.properties.verdict,
  digest: Type.String(),
})

/** By the name that a descriptor uses. */
const Offer = strict({ id: Type.String(), description: Type.String() })

const NodeWork = strict({
  repo: RepoId,
  node: Name,
  /** Id of tasker's work. */
  work: Type.String(),
  commit: nullable(CommitId),
  /** tasker's attempt, from 1. */
  attempt: Type.Integer(),
})

const Succeeded = strict({
  ...NodeWork.properties,
  /** Number of resources changed. */
  changed: Type.Integer(),
  ms: Type.Integer(),
})

const Failed = strict({
  ...NodeWork.properties,
  error: strict({ code: Type.String(), message: Type.String() }),
  /** False when trying again cannot help. */
  retry: Type.Boolean(),
})

const Waiting = strict({
  ...NodeWork.properties,
  /** `unresolved`: a value of another node is to come. `unlinked`: nobody has linked a machine yet. */
  reason: strict({ code: Type.String(), message: Type.String() }),
})

/** One step on one node. Its text is asked for when it starts (`tasker.step_script`): it may hold secrets. */
export const StepJob = strict({
  repo: RepoId,
  run: Type.String(),
  task: Name,
  /** Position in the task, from 0. */
  step: Type.Integer(),
  node: Name,
  /** tasker's attempt of this step on this node: the marker on the node is named by it. */
  attempt: Type.Integer(),
})

export const calls = {
  /**
   * What would be done. With `next`, against that state of the repository (a push under judgement), else its commit.
   * `live`: reads the servers; otherwise compares with what was last recorded.
   */
  'shazam.plan': call(
    strict({
      repo: RepoId,
      commit: Type.Optional(CommitId),
      next: Type.Optional(Infrastructure),
      nodes: Type.Optional(Type.Array(Name)),
      live: Type.Boolean(),
    }),
    Type.Array(NodePlan),
  ),
  /** Reads a node and tells what is not as it was applied by this commit. Throws what `Connection.exec` throws. */
  'shazam.drift': call(
    strict({ repo: RepoId, node: Name, commit: CommitId }),
    strict({ fields: Type.Array(Drift) }),
  ),
  /** Enters an existing server, checks OS and sudo, leaves the platform's key and records it as the node's server. */
  'shazam.link': call(
    strict({
      repo: RepoId,
      node: Name,
      /** Who links it: may they still, once the machine has been looked at? */
      by: Type.Optional(Name),
      /** A name or an address; IPv6 with or without brackets. */
      host: Type.String({ pattern: '^[A-Za-z0-9.:_%[\\]-]+$', maxLength: 253 }),
      port: Type.Integer({ minimum: 1, maximum: 65535 }),
      user: Type.String({ pattern: '^[a-z_][a-z0-9_-]{0,31}$' }),
      /** One of both, used once, not kept. */
      password: Type.Optional(Type.String()),
      private_key: Type.Optional(Type.String()),
      /** `SHA256:…`; when absent the key shown is pinned and returned. */
      host_key: Type.Optional(Type.String()),
      /** Node, or `user@host[:port]`, over which the way leads; that of the descriptor when absent. */
      jump: Type.Optional(Type.String({ maxLength: 300 })),
      /** Looks, and tells what would be done, and does nothing. */
      only_look: Type.Optional(Type.Boolean()),
    }),
    strict({
      host_key: Type.String(),
      os: Type.String(),
      /** What was, or would be, done to the machine, a sentence each; empty when it was prepared already. */
      changes: Type.Array(Type.String()),
      /** What whoever links it should think of, a sentence each. */
      warnings: Type.Array(Type.String()),
    }),
  ),
  /**
   * Accepts another host key for a node whose server shows it now. Throws `host_key` when it shows a third one, and
   * `unreachable`; then nothing is changed.
   */
  'shazam.trust': call(
    strict({
      repo: RepoId,
      node: Name,
      /** Who trusts it: may they still, once the server has shown it? */
      by: Type.Optional(Name),
      host_key: Type.String({ pattern: '^SHA256:[A-Za-z0-9+/]{43}$' }),
    }),
    strict({ before: Type.Array(Type.String()) }),
  ),
  /** What a provider has, as its credential opens it. Throws `provider`. */
  'shazam.offers': call(
    strict({ repo: RepoId, provider: Name, credential: Type.Optional(Name) }),
    strict({ sizes: Type.Array(Offer), locations: Type.Array(Offer), images: Type.Array(Offer) }),
  ),
  /**
   * Switches the server of a node at its provider, also while work is done on it: a server that hangs is entered by
   * nobody. What is so already is no error. Throws `not_found`, `provider`.
   */
  'shazam.power': call(
    strict({
      repo: RepoId,
      node: Name,
      /** Who switches it: may they still, once the provider is opened? */
      by: Type.Optional(Name),
      act: Type.Union([Type.Literal('start'), Type.Literal('stop'), Type.Literal('reboot')]),
    }),
    Nothing,
  ),
  /** The script that a step `devops SERVICE COMMAND` or `devops scripts/FILE` comes down to, before rendering. */
  'shazam.command': call(
    strict({ repo: RepoId, commit: Type.Optional(CommitId), service: Type.String(), command: Type.String() }),
    strict({
      template: Type.String(),
      user: Type.String(),
      defaults: Type.Record(Type.String(), Type.Unknown()),
    }),
  ),
  /** Stops a step on its node: the whole process group. False: nothing of it ran. */
  'shazam.stop_step': call(
    strict({ repo: RepoId, node: Name, run: Type.String(), step: Type.Integer(), attempt: Type.Integer() }),
    /** `left`: processes of the step that nothing could end, by number and name. */
    strict({ stopped: Type.Boolean(), left: Type.String() }),
  ),
}

export const events = {
  'node.*.create.start': NodeWork,
  'node.*.create.success': Succeeded,
  'node.*.create.error': Failed,
  'node.*.update.start': NodeWork,
  'node.*.update.success': Succeeded,
  'node.*.update.error': Failed,
  'node.*.delete.start': NodeWork,
  'node.*.delete.success': Succeeded,
  'node.*.delete.error': Failed,
  /** An attempt has ended because what it needs is to come. Nothing failed: it starts no task. */
  'node.*.waits': Waiting,
  /** A step on a node has ended. Subject: `RUN/NODE`. */
  'step.finished': strict({
    repo: RepoId,
    run: Type.String(),
    step: Type.Integer(),
    node: Name,
    attempt: Type.Integer(),
    /** `unknown`: the link or the node was lost and no marker tells the outcome. */
    outcome: Type.Union([
      Type.Literal('success'),
      Type.Literal('failure'),
      Type.Literal('unknown'),
      Type.Literal('stopped'),
    ]),
    exit: nullable(Type.Integer()),
    error: nullable(Type.String()),
    /** Last 64 KiB of stdout. */
    stdout: Type.String(),
    /** What it wrote to `$DEVOPS_OUTPUT`. */
    outputs: Type.Record(Type.String(), Type.String()),
  }),
}

export const queues = {
  /** Make a node match a commit, or destroy it. */
  'shazam.nodes': strict({
    ...NodeWork.properties,
    goal: Type.Union([Type.Literal('converge'), Type.Literal('destroy')]),
    promised: Type.Optional(Promised),
    /**
     * Whether somebody agreed that the server of the node may be lost; false: it is neither destroyed nor replaced.
     * Absent in jobs that a former version queued, which judged before it queued.
     */
    agreed: Type.Optional(Type.Boolean()),
  }),
  'shazam.steps': StepJob,
}

export type NodePlan = Type.Static<typeof NodePlan>
export type Drift = Type.Static<typeof Drift>
export type Promised = Type.Static<typeof Promised>
export type Change = Type.Static<typeof Change>
export type StepJob = Type.Static<typeof StepJob>
export type NodeJob = Type.Static<(typeof queues)['shazam.nodes']>
