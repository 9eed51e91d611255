import Type from 'typebox'
import { calls } from '#contracts'
import { AuditEntry, AuditVerdict } from '#contracts/audit.ts'
import { Credential } from '#contracts/credentials.ts'
import { nullable, strict } from '#contracts/define.ts'
import { Delivery, DeliveryContent } from '#contracts/deliveries.ts'
import { Finding, Webhook as Hook, Node, Task } from '#contracts/descriptors.ts'
import {
  Blame,
  BranchView,
  Commit,
  Committed,
  Diff,
  Entry,
  File,
  FileChange,
  FileDiff,
  History,
  NewCommit,
  Tree,
} from '#contracts/files.ts'
import { Repository } from '#contracts/git.ts'
import { CommitId, Name, RepoId, Time } from '#contracts/ids.ts'
import { Line, Removed } from '#contracts/logger.ts'
import { Health } from '#contracts/monitor.ts'
import { Collaborator, Identity, Key, Role, Token, User } from '#contracts/profiles.ts'
import { PasswordInfo, SecretInfo, Server, Variable, VariableVersion } from '#contracts/registry.ts'
import { Schedule } from '#contracts/schedules.ts'
import { Settings } from '#contracts/settings.ts'
import { Change, Drift, NodePlan } from '#contracts/shazam.ts'
import { Cause, NodeStatus, Plan, Run, RunStep, Work } from '#contracts/tasker.ts'
import { ProblemDocument } from './problems.ts'

/** A node from all sides: what is wished, what is, how it goes. */
export const NodeView = strict({
  repo: RepoId,
  node: Name,
  /** Null: taken out of the repository, not yet destroyed. */
  descriptor: nullable(Node),
  /** Null: no server yet. */
  server: nullable(Server),
  facts: Type.Record(Type.String(), Type.Unknown()),
  applied: nullable(
    strict({ commit: nullable(CommitId), at: Time, work: Type.String(), resources: Type.Integer() }),
  ),
  created_at: nullable(Time),
  status: nullable(NodeStatus),
  health: nullable(Health),
})

export const TaskView = strict({ task: Task, last_run: nullable(Run) })
export const RepositoryView = strict({ ...Repository.properties, role: Role })
export const Linked = calls['shazam.link'].output
export const Offers = calls['shazam.offers'].output
/** `address`: below the API's own. */
export const Webhook = strict({ ...Hook.properties, task: Name, address: Type.String() })
export const HookAnswer = strict({
  delivery: Type.String(),
  run: Type.String(),
  /** A delivery with the same id came before, and this is its run. */
  repeated: Type.Boolean(),
  /** Of the run, below the API's own. */
  address: Type.String(),
})
export const NewToken = strict({ token: Type.String(), record: Token })
export const Lines = strict({
  lines: Type.Array(Line),
  /** The next `after`. */
  last: Type.Integer(),
  /** The next `before`; null when there is nothing older. */
  first: nullable(Type.Integer()),
  removed: nullable(Removed),
})

/** Schemas that the OpenAPI document names; the rest is written in place. */
export const models = {
  AuditEntry,
  AuditVerdict,
  Blame,
  BranchView,
  Commit,
  Committed,
  Diff,
  Entry,
  File,
  FileChange,
  FileDiff,
  History,
  NewCommit,
  Tree,
  Cause,
  Change,
  Collaborator,
  Credential,
  Delivery,
  DeliveryContent,
  Drift,
  Finding,
  Health,
  HookAnswer,
  Identity,
  Key,
  Line,
  Lines,
  Removed,
  Linked,
  Offers,
  NewToken,
  Node,
  NodePlan,
  NodeStatus,
  NodeView,
  PasswordInfo,
  Plan,
  Problem: ProblemDocument,
  Repository,
  RepositoryView,
  Run,
  RunStep,
  Schedule,
  SecretInfo,
  Server,
  Settings,
  Task,
  TaskView,
  Token,
  User,
  Variable,
  VariableVersion,
  Webhook,
  Work,
}

export type NodeView = Type.Static<typeof NodeView>
