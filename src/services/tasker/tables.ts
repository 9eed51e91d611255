import type { Delivery } from '#contracts/deliveries.ts'
import type { Schedule } from '#contracts/schedules.ts'
import type { Cause, RunStep, Work, WorkState } from '#contracts/tasker.ts'

/** One row. Each transaction of the tasker moves it first, so that replicas take turns and works have one order. */
export interface TurnRow {
  id: number
  seq: number
}

export interface WorkRow {
  id: string
  /** The order of works: milliseconds of creation, moved on where two would be equal. The id is made from it. */
  seq: number
  repo: string
  kind: Work['kind']
  /** JSON: string[] */
  nodes: string
  state: WorkState
  commit: string | null
  task: string | null
  attempt: number
  /** Failures of this series that count. */
  failures: number
  /** Not before. */
  run_at: number
  /** JSON: Cause */
  cause: string
  error: string | null
  error_code: string | null
  /** Who asked a running run to stop. */
  cancelled_by: string | null
  created_at: number
  started_at: number | null
  ended_at: number | null
  changed_at: number
  /** JSON: the plan that it is held to; null: it does whatever is to be done. */
  promised: string | null
  /** JSON: Progress with its attempt; null: none was reported. */
  progress: string | null
}

export interface WorkNodeRow {
  work: string
  repo: string
  node: string
}

/** A node of a work that waits. */
export interface QueueRow {
  /** `USER/REPO/NODE` */
  place: string
  repo: string
  node: string
  work: string
  kind: Work['kind']
  seq: number
  run_at: number
  /** 1 once its time has come. */
  due: 0 | 1
  /** Nodes of the work. */
  size: number
}

/** How much of a repository may run at once, where its settings were changed; absent: the defaults. */
export interface LimitsRow {
  repo: string
  runs_at_once: number
  node_works_at_once: number
}

/** Its primary key (repo, node) is the promise that two works never meet on one node. */
export interface LockRow {
  repo: string
  node: string
  work: string
}

/** What was last wished for a node and what it last reached. */
export interface NodeRow {
  repo: string
  node: string
  goal: 'present' | 'absent'
  /** Of the descriptor that the latest sync is for. */
  fingerprint: string
  /** The latest sync or destroy. */
  work: string
  synced_commit: string | null
  /** 1: somebody agreed that its server may be lost, by being destroyed or, while it is wished, replaced. */
  agreed: 0 | 1
}

/** The newest commit of a repository that anything was queued for. */
export interface TipRow {
  repo: string
  /** Grows with each other commit, and when the repository is deleted. */
  version: number
  /** Null: the repository was deleted, or nothing was queued for it yet. */
  commit: string | null
  /** Until then nothing of it is started: it is about to be deleted. */
  closed_until: number
  /** When one of this name was deleted; 0: never. */
  forgotten_at: number
}

export interface RunRow {
  work: string
  /** JSON: the task's descriptor when the run was made. */
  task: string
  /** JSON: path -> text of the scripts that it uses. */
  scripts: string
  /** JSON: variables given by who started it. */
  vars: string
  /** JSON: the CloudEvent that started it, or null. */
  event: string
  /** JSON: the body of the webhook that started it, or null. */
  payload: string
  /** JSON: Consent; null when nobody has to consent. */
  consent: string | null
  /** JSON: HookRequest, or null. */
  request: string
}

export interface RunStepRow {
  run: string
  step: number
  node: string
  name: string
  state: RunStep['state']
  attempt: number
  exit: number | null
  error: string | null
  stdout: string
  /** JSON: what it gave to later steps. */
  outputs: string
  /** Not before: the pause before another try. */
  retry_at: number | null
  /** Why the platform ends it. */
  stopping: string | null
  started_at: number | null
  ended_at: number | null
}

/** What a repository's settings say about looking for drift; absent: the defaults. */
export interface WatchRow {
  repo: string
  /** Seconds; 0: never. */
  interval: number
  heal: 0 | 1
}

/** When a node was last looked at, and the drift that was found and is not put right yet. */
export interface LookRow {
  repo: string
  node: string
  looked_at: number
  /** JSON: Drift[] */
  drift: string | null
  since: number | null
}

export interface PlanRow {
  id: string
  repo: string
  by: string
  commit: string
  digest: string
  /** JSON: NodePlan[] */
  nodes: string
  created_at: number
  expires_at: number
}

export interface TriggerRow {
  repo: string
  task: string
  pattern: string
}

export interface ScheduleRow extends Omit<Schedule, 'next_at'> {
  next_at: number
}

export interface DeliveryRow {
  id: string
  repo: string
  path: string
  task: string
  state: Delivery['state']
  status: number
  reason: string | null
  /** The sender's id, of the first that was accepted with it. */
  key: string | null
  from_address: string
  size: number
  run: string | null
  of: string | null
  by: string | null
  /** JSON: HookRequest */
  request: string
  /** Base64; null: not kept. */
  body: string | null
  at: number
}

export interface Tables {
  tasker_turn: TurnRow
  tasker_works: WorkRow
  tasker_work_nodes: WorkNodeRow
  tasker_locks: LockRow
  tasker_queue: QueueRow
  tasker_limits: LimitsRow
  tasker_nodes: NodeRow
  tasker_tips: TipRow
  /** One row: the shape in which triggers and crons were last armed; absent: before there was one. */
  tasker_arming: { id: number; shape: number }
  tasker_runs: RunRow
  tasker_run_steps: RunStepRow
  tasker_triggers: TriggerRow
  tasker_deliveries: DeliveryRow
  tasker_schedules: ScheduleRow
  tasker_plans: PlanRow
  tasker_watches: WatchRow
  tasker_looks: LookRow
}

export const nodesOf = (work: Pick<WorkRow, 'nodes'>): string[] => JSON.parse(work.nodes)
export const causeOf = (work: Pick<WorkRow, 'cause'>): Cause => JSON.parse(work.cause)
