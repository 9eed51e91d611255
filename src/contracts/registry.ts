import Type from 'typebox'
import { call, Nothing, nullable, strict } from './define.ts'
import { Infrastructure } from './descriptors.ts'
import { CommitId, Name, RepoId, Time } from './ids.ts'

const Tree = Type.Record(Type.String(), Type.Unknown())

/** Over whom a server is entered: another node, or a machine that lets the platform's key in. */
export const Jump = Type.Union([
  strict({ node: Name }),
  strict({
    host: Type.String(),
    port: Type.Integer({ minimum: 1, maximum: 65535 }),
    user: Type.String(),
    host_keys: Type.Array(Type.String()),
  }),
])

/** What linking brought to a machine that its owner did not have there: it leaves with the node. */
export const Brought = Type.Union([Type.Literal('user'), Type.Literal('sudo'), Type.Literal('key')])

/** How a server is reached, and what the provider knows it by. */
export const Server = strict({
  provider: Type.String(),
  /** The provider's own id; for a linked server its address. */
  id: Type.String(),
  host: Type.String(),
  port: Type.Integer({ minimum: 1, maximum: 65535 }),
  user: Type.String(),
  /** Host keys that are accepted, OpenSSH `SHA256:…` fingerprints; empty until first contact. */
  host_keys: Type.Array(Type.String()),
  /** The provider part of the descriptor that it was made from. */
  made_from: Tree,
  /** The token of its creation, by which the provider finds it, also when it was resized since. */
  token: Type.Optional(Type.String()),
  jump: Type.Optional(Jump),
  brought: Type.Optional(Type.Array(Brought)),
})

/** What was last applied: the manifest of what we own on the node. */
export const Applied = strict({
  commit: nullable(CommitId),
  at: Time,
  work: Type.String(),
  /** Resources in order of application; their shape is shazam's. Secrets are hashes. */
  manifest: Type.Array(Tree),
})

export const NodeRecord = strict({
  repo: RepoId,
  node: Name,
  server: nullable(Server),
  /** `Facts` of contracts/facts.ts once the node was synced; empty before. */
  facts: Tree,
  applied: nullable(Applied),
  /** Server created and first sync done. */
  created_at: nullable(Time),
})

/** What changed a variable, besides the person who answers for it. */
export const Source = strict({
  kind: Type.Union([Type.Literal('commit'), Type.Literal('run')]),
  id: Type.String(),
})

export const Variable = strict({
  repo: RepoId,
  /** `repo`, `node:ID` or `task:ID`. */
  scope: Type.String({ pattern: '^(repo|(node|task):[A-Za-z0-9_-]+)$' }),
  name: Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }),
  value: Type.Unknown(),
  set_at: Time,
  set_by: Type.String(),
  /** Null: by hand. */
  source: nullable(Source),
})

export const VariableVersion = strict({
  value: Type.Unknown(),
  /** A removal; `value` is null then. */
  unset: Type.Boolean(),
  /** In a descriptor, by a commit: a template. */
  written: Type.Boolean(),
  set_at: Time,
  set_by: Type.String(),
  source: nullable(Source),
})

/** A secret as far as anybody may see it: never its value. */
export const SecretInfo = strict({
  name: Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$', maxLength: 63 }),
  /** Counts the values that it had. */
  version: Type.Integer(),
  set_at: Time,
  set_by: Type.String(),
})

export const SecretVersion = strict({
  version: Type.Integer(),
  action: Type.Enum(['set', 'rotated', 'unset', 'made']),
  set_at: Time,
  set_by: Type.String(),
})

/** A password that the platform made. */
export const PasswordInfo = strict({
  /** `passwords.NAME`, or the option that it stands at: `db.configuration.postgresql.users.shop.password`. */
  address: Type.String({ maxLength: 512 }),
  version: Type.Integer(),
  set_at: Time,
  set_by: Type.String(),
})

/** Who is synced now. */
const usedBy = { used_by: Type.Array(Name) }

/** A value of the tree of `registry.resolve` that could not be rendered. */
export const Unresolved = strict({
  /** Whose it is, or who sees the variable of a task. Null: the task's, seen by no node. */
  node: nullable(Name),
  /** Below the node: `configuration.nginx.http.vhosts.0.domain`, `vars.color`. */
  at: Type.String(),
  /** `db.ip is not known yet: node db has no server` */
  reason: Type.String(),
  /** The address that will be known later: `db.ip`. Null: waiting does not help. */
  waits_for: nullable(Type.String()),
})

const Fence = strict({ work: Type.String(), attempt: Type.Integer() })

const VariableKey = strict({ repo: RepoId, scope: Variable.properties.scope, name: Variable.properties.name })

export const calls = {
  /** Of a node without a record: an empty one (`server: null`, no facts). */
  'registry.get_node': call(strict({ repo: RepoId, node: Name }), NodeRecord),
  /** Every node that has a record; of one repository when named. */
  'registry.list_nodes': call(strict({ repo: Type.Optional(RepoId) }), Type.Array(NodeRecord)),
  /**
   * Writes what is given, leaves the rest. `fence` is the work that writes: an older work (ids sort by time) or an older
   * attempt of the same work than the last that wrote throws `fenced`. Announces `var.changed` for addresses whose value moved (`ip`, `pub_key`, facts).
   */
  'registry.record_node': call(
    strict({
      repo: RepoId,
      node: Name,
      server: Type.Optional(nullable(Server)),
      facts: Type.Optional(Tree),
      applied: Type.Optional(nullable(Applied)),
      created_at: Type.Optional(nullable(Time)),
      fence: Type.Optional(Fence),
      /** Only while the node still has the server of this id: else `conflict`, and nothing is written. */
      only_if: Type.Optional(Type.String()),
      /** When the writer began (milliseconds): not of a node or repository that has gone since. Without a fence only. */
      begun: Type.Optional(Time),
      /** Addresses that the configuration of this node used at compile time. */
      uses: Type.Optional(Type.Array(Type.String())),
    }),
    NodeRecord,
  ),
  /**
   * Before anything is applied: addresses that the configuration of a node uses, so that whoever moves one from now on
   * tells the node. Adds to what is known. `fresh`: some were not known, so what was read of them may have moved
   * unseen: read again. Fenced like `record_node`.
   */
  'registry.note_uses': call(
    strict({ repo: RepoId, node: Name, uses: Type.Array(Type.String()), fence: Type.Optional(Fence) }),
    strict({ fresh: Type.Boolean() }),
  ),
  /** Fenced like `record_node`; the fence outlives the record. */
  'registry.forget_node': call(strict({ repo: RepoId, node: Name, fence: Type.Optional(Fence) }), Nothing),
  /**
   * Everything that belongs to a repository that was deleted at this time (milliseconds) leaves, or is hidden for good;
   * to do it twice changes nothing. Announced as well (`repo.deleted`); asked before a repository of the same name is made.
   */
  'registry.forget_repository': call(strict({ repo: RepoId, at: Time }), Nothing),
  'registry.set_variable': call(
    strict({
      ...VariableKey.properties,
      value: Type.Unknown(),
      by: Type.String(),
      /** Of a step that sets it: the run. */
      source: Type.Optional(Source),
    }),
    Variable,
  ),
  'registry.unset_variable': call(strict({ ...VariableKey.properties, by: Type.String() }), Nothing),
  'registry.list_variables': call(strict({ repo: RepoId }), Type.Array(Variable)),
  /** What it is and was, newest first: set, and written in descriptors. */
  'registry.variable_history': call(VariableKey, Type.Array(VariableVersion)),
  /**
   * What an address is now, as a node or task sees it; secrets as `***`. `invalid` when it is unknown, not known yet or
   * a secret. `from`: of a variable, which of those of its name it is.
   */
  'registry.get_value': call(
    strict({
      repo: RepoId,
      address: Type.String({
        pattern: '^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+|\\[[0-9]+\\])*$',
        maxLength: 512,
        description: 'an address, such as color or db.ip',
      }),
      node: Type.Optional(Name),
      task: Type.Optional(Name),
    }),
    strict({
      value: Type.Unknown(),
      from: nullable(
        strict({
          scope: Variable.properties.scope,
          written: Type.Boolean(),
          set_at: nullable(Time),
          set_by: nullable(Type.String()),
          source: nullable(Source),
        }),
      ),
    }),
  ),
  /** Shorter than 4 characters, longer than 64 KiB or with a NUL: `invalid`. `rotate`: `not_found` when there is none yet. */
  'registry.set_secret': call(
    strict({
      repo: RepoId,
      name: SecretInfo.properties.name,
      value: Type.String(),
      rotate: Type.Boolean(),
      by: Type.String(),
    }),
    strict({ ...SecretInfo.properties, ...usedBy }),
  ),
  'registry.unset_secret': call(
    strict({ repo: RepoId, name: SecretInfo.properties.name, by: Type.String() }),
    strict(usedBy),
  ),
  'registry.list_secrets': call(strict({ repo: RepoId }), Type.Array(SecretInfo)),
  /** Its value; null when it is not set. What checks a signature needs one, not the tree of the repository. */
  'registry.reveal_secret': call(
    strict({ repo: RepoId, name: SecretInfo.properties.name }),
    strict({ value: nullable(Type.String()) }),
  ),
  /** Newest first. */
  'registry.secret_history': call(
    strict({ repo: RepoId, name: SecretInfo.properties.name }),
    Type.Array(SecretVersion),
  ),
  'registry.list_passwords': call(strict({ repo: RepoId }), Type.Array(PasswordInfo)),
  /** Makes another one; `not_found` when none was made at this address. */
  'registry.rotate_password': call(
    strict({ repo: RepoId, address: PasswordInfo.properties.address, by: Type.String() }),
    strict({ ...PasswordInfo.properties, ...usedBy }),
  ),
  /**
   * The tree in which templates of a repository are resolved:
   * `{ NODE: { id, name, ip, pub_key, facts, configuration, vars }, vars, secrets, passwords, $unresolved, $secrets,
   * $views }`. `configuration` has defaults merged and templates rendered. `ip` and `pub_key` are absent until they are
   * known. The repository's variables stand bare as well. `$views` is `{ NODE: vars }`: for each of `nodes` that there is, all variables as its
   * templates see them, in `task` if one is named; docs/variables.md says which wins.
   * A value that cannot be rendered yet is left out and listed in `$unresolved`, a list of `Unresolved`. `$secrets`:
   * texts that no plan, log, event or error may show, the longest first.
   * `passwords.NAME`, and options marked `generate` that a descriptor leaves out, hold passwords that are made at the
   * first use; for a `next` under judgement one that is not kept.
   * Throws `invalid` when values refer to each other in a circle.
   */
  'registry.resolve': call(
    strict({
      repo: RepoId,
      commit: Type.Optional(CommitId),
      /** In place of a commit: a push under judgement. */
      next: Type.Optional(Infrastructure),
      nodes: Type.Optional(Type.Array(Name)),
      task: Type.Optional(Name),
    }),
    Tree,
  ),
  /**
   * Nodes whose configuration depends on an address: used it, or something above or below it, or used the configuration
   * of a node that did.
   */
  'registry.used_by': call(strict({ repo: RepoId, address: Type.String() }), Type.Array(Name)),
  /** The key pair by which the platform enters the nodes of a repository; made at first use, the private half encrypted at rest. */
  'registry.platform_key': call(
    strict({ repo: RepoId }),
    strict({ public_key: Type.String(), private_key: Type.String() }),
  ),
}

export const events = {
  /**
   * Subject: the repository. `nodes`: those that used it. `work`: the run or sync of the tasker that moved the value;
   * null when a person did.
   */
  'var.changed': strict({
    repo: RepoId,
    address: Type.String(),
    nodes: Type.Array(Name),
    by: Type.String(),
    work: nullable(Type.String()),
  }),
}

export const queues = {}

export type Jump = Type.Static<typeof Jump>
export type Brought = Type.Static<typeof Brought>
export type Server = Type.Static<typeof Server>
export type Applied = Type.Static<typeof Applied>
export type NodeRecord = Type.Static<typeof NodeRecord>
export type Source = Type.Static<typeof Source>
export type VariableVersion = Type.Static<typeof VariableVersion>
export type Variable = Type.Static<typeof Variable>
export type SecretInfo = Type.Static<typeof SecretInfo>
export type PasswordInfo = Type.Static<typeof PasswordInfo>
export type Unresolved = Type.Static<typeof Unresolved>
