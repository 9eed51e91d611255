import Type from 'typebox'
import { nullable, strict } from './define.ts'
import { signatureTypes } from './deliveries.ts'
import { Name, RepoId } from './ids.ts'

/** Descriptors in their canonical form: older spellings are gone, files are joined, every name is checked. */

const Tree = Type.Record(Type.String(), Type.Unknown())

export const Provider = Type.Object(
  {
    name: Type.String(),
    size: Type.Optional(Type.Union([Type.String(), Type.Integer()])),
    location: Type.Optional(Type.Union([Type.String(), Type.Integer()])),
    image: Type.Optional(Type.Union([Type.String(), Type.Integer()])),
    /** Name of a credential of the repository's owner. */
    credential: Type.Optional(Name),
  },
  { additionalProperties: true },
)

export const Node = strict({
  id: Name,
  name: Type.Optional(Type.String()),
  type: Type.Literal('server'),
  provider: Provider,
  /** Service id -> version, `*` for the distribution's. */
  services: Type.Record(Type.String(), Type.String()),
  /** Service id -> options as written (templates unrendered, defaults not merged). */
  configuration: Type.Record(Type.String(), Tree),
  vars: Tree,
  /** What resources with `keep` hold leaves with them: of these services, or of all. */
  purge: Type.Optional(Type.Union([Type.Literal(true), Type.Array(Name)])),
})

const Seconds = Type.Integer({ minimum: 1, maximum: 31_536_000 })

export const Step = strict({
  id: Type.Optional(Name),
  name: Type.Optional(Type.String()),
  /** A shell line, `devops scripts/FILE`, `devops SERVICE COMMAND`, or `devops var set NAME VALUE`. */
  run: Type.String({ minLength: 1 }),
  options: Type.Optional(Tree),
  targets: Type.Optional(Type.Array(Name, { minItems: 1 })),
  vars: Type.Optional(Tree),
  /** A condition as in `{% if … %}`; a step whose condition does not hold is skipped. */
  if: Type.Optional(Type.String({ minLength: 1 })),
  /** Environment of its process; the values are templates. */
  env: Type.Optional(Type.Record(Type.String(), Type.String())),
  /** Seconds until its processes are ended and it has failed. */
  timeout: Type.Optional(Seconds),
  /** Further tries after a failure; `pause`: seconds before the first of them, doubled for each. */
  retries: Type.Optional(
    strict({ count: Type.Integer({ minimum: 1, maximum: 100 }), pause: Type.Integer({ minimum: 0 }) }),
  ),
  /** A failure of it is no failure of the run. */
  continue_on_error: Type.Optional(Type.Boolean()),
  /** Keys that it writes to the file `$DEVOPS_OUTPUT`. */
  outputs: Type.Optional(Type.Array(Type.String())),
  /** System user on the node. */
  user: Type.Optional(Type.String()),
  /** Ids of steps that must have ended; without any in the task, a step needs the one before it. */
  needs: Type.Optional(Type.Array(Name)),
})

/** How a run waits for a person. */
export const Approval = strict({
  /** Users, or the least role in the repository. */
  by: Type.Union([Type.Literal('write'), Type.Literal('admin'), Type.Literal('owner'), Type.Array(Name)]),
  /** Seconds until the run is given up. */
  within: Seconds,
  /** Whether who started the run may not approve it. */
  other: Type.Boolean(),
})

export const Webhook = strict({
  path: Type.String({ minLength: 1 }),
  /** Name of the secret that deliveries are signed with; without it anybody may start the task. */
  secret: Type.Optional(Type.String()),
  /** How they are signed; always there with a secret. */
  type: Type.Optional(Type.Enum(signatureTypes)),
  /** Addresses and ranges (CIDR) that may deliver; all when absent. */
  allow: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
})

/** A crontab line; without time zone it is UTC, and slots that were missed are skipped. */
export const Cron = Type.Union([
  Type.String(),
  strict({
    cron: Type.String(),
    timezone: Type.Optional(Type.String()),
    missed: Type.Optional(Type.Enum(['skip', 'once', 'all'])),
  }),
])

/** What a person who starts a task gives it. */
export const Input = strict({
  type: Type.Enum(['string', 'integer', 'number', 'boolean']),
  description: Type.Optional(Type.String()),
  required: Type.Optional(Type.Boolean()),
  default: Type.Optional(Type.Unknown()),
  allowed: Type.Optional(Type.Array(Type.Unknown(), { minItems: 1 })),
  pattern: Type.Optional(Type.String()),
  minimum: Type.Optional(Type.Number()),
  maximum: Type.Optional(Type.Number()),
})
const Inputs = Type.Record(Type.String(), Input)

export const Triggers = strict({
  webhooks: Type.Array(Webhook),
  crons: Type.Array(Cron),
  /** Event types, aliases and patterns: `node.web.create`, `node.*.update.success`. */
  events: Type.Array(Type.String()),
})

export const Task = strict({
  id: Name,
  name: Type.Optional(Type.String()),
  type: Type.Literal('task'),
  inputs: Type.Optional(Inputs),
  vars: Tree,
  triggers: Triggers,
  targets: Type.Array(Name),
  steps: Type.Array(Step, { minItems: 1 }),
  /** Steps that run when one of `steps` has failed. */
  on_failure: Type.Optional(Type.Array(Step, { minItems: 1 })),
  /** Seconds that its steps may take together. */
  timeout: Type.Optional(Seconds),
  /** What a new run does while another of this task waits or runs; `queue` when absent. */
  concurrency: Type.Optional(Type.Enum(['queue', 'replace', 'skip'])),
  /** So many nodes at a time; the next ones only while no more than `max_failures` nodes have failed. */
  batch: Type.Optional(
    strict({
      size: Type.Union([Type.Integer({ minimum: 1 }), Type.String({ pattern: '^[1-9][0-9]?%$|^100%$' })]),
      max_failures: Type.Integer({ minimum: 0 }),
    }),
  ),
  approval: Type.Optional(Approval),
})

export const optionTypes = ['string', 'integer', 'number', 'boolean', 'array', 'object', 'group'] as const

/** One option of a service or command: a value with limits, or a group of further options. */
export const Option = Type.Cyclic(
  {
    Option: strict({
      type: Type.Enum(optionTypes),
      description: Type.Optional(Type.String()),
      /** Absent: none. Null: the option is unset. */
      default: Type.Optional(Type.Unknown()),
      required: Type.Optional(Type.Boolean()),
      minimum: Type.Optional(Type.Number()),
      maximum: Type.Optional(Type.Number()),
      allowed: Type.Optional(Type.Array(Type.Unknown())),
      pattern: Type.Optional(Type.String()),
      /** Of an object without `options`: the names that it may have. `*` stands for any piece of one, `*.*` for all with a dot. */
      keys: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
      /** Of a group or object; of each item when the type is array. */
      options: Type.Optional(Type.Record(Type.String(), Type.Ref('Option'))),
      /** The type of each item of an array without `options`; strings when absent. */
      items: Type.Optional(
        Type.Union([Type.Literal('string'), Type.Literal('integer'), Type.Literal('object')]),
      ),
      /** Why this option is refused today, and what replaces it. */
      removed: Type.Optional(Type.String()),
      secret: Type.Optional(Type.Boolean()),
      /** Of a secret text: where a descriptor leaves it out, the platform makes a password, once, and keeps it. */
      generate: Type.Optional(Type.Boolean()),
    }),
  },
  'Option',
)

export const Command = strict({
  description: Type.Optional(Type.String()),
  options: Type.Optional(Type.Record(Type.String(), Option)),
  /** An action on a systemd unit … */
  unit: Type.Optional(Type.String()),
  do: Type.Optional(
    Type.Union([
      Type.Literal('start'),
      Type.Literal('stop'),
      Type.Literal('reload'),
      Type.Literal('restart'),
    ]),
  ),
  /** … or a file of `templates/`: a Liquid template of a script, run as root or as `user`. */
  script: Type.Optional(Type.String()),
  user: Type.Optional(Type.String()),
})

/** What options may not say, by themselves or together. */
export const Rule = strict({
  /** `vhost in nginx.vhosts`: of each of them; `route in nginx.vhosts.routes` goes through the lists inside of a list. */
  for: Type.Optional(Type.String()),
  /** A condition as in `{% if … %}`: refused when it holds, or, with `pattern`, when the value does not match as well. */
  if: Type.Optional(Type.String()),
  /** Address of the option that is to be changed: `vhost.domain`, `nginx.user`. */
  at: Type.String(),
  pattern: Type.Optional(Type.String()),
  /** What would be right. */
  because: Type.String({ minLength: 1 }),
})

/** `service.yml` of the catalog and of a repository's `services/ID/`. */
export const Service = strict({
  id: Name,
  title: Type.String(),
  description: Type.Optional(Type.String()),
  tags: Type.Array(Type.String()),
  /** Services that are applied before it, whether or not the node names them. */
  requires: Type.Array(Type.String()),
  experimental: Type.Optional(Type.Boolean()),
  /** Applied to every node, not selectable. */
  base: Type.Optional(Type.Boolean()),
  documentation: Type.Optional(Type.String()),
  options: Type.Record(Type.String(), Option),
  /** Of the configuration of a node; options of commands are not asked. */
  refuse: Type.Optional(Type.Array(Rule)),
  commands: Type.Record(Type.String(), Command),
  /** Resource templates in order; their shape is shazam's (`src/services/shazam/compile.ts`). */
  resources: Type.Array(Tree),
  handlers: Type.Record(Type.String(), Tree),
  /** File name -> text of `templates/`. */
  templates: Type.Record(Type.String(), Type.String()),
  /** File name -> bytes of `files/` in base64. */
  files: Type.Optional(Type.Record(Type.String(), Type.String())),
  /** Fact name -> shell line that prints it: `version: nginx -v`. */
  facts: Type.Record(Type.String(), Type.String()),
})

/** Everything that a repository says at one commit. */
export const Infrastructure = strict({
  repo: RepoId,
  /** Null while a push is judged: the commit is not ours yet. */
  commit: nullable(Type.String()),
  nodes: Type.Array(Node),
  tasks: Type.Array(Task),
  /** `scripts/` file -> text. */
  scripts: Type.Record(Type.String(), Type.String()),
  /** The repository's own services. */
  services: Type.Array(Service),
  /** Of the settings as they are now, whatever the commit: patterns of tasks whose runs an admin must approve. */
  approval_required: Type.Optional(Type.Array(Type.String())),
})

/** One finding of the validator. `line` and `column` count from 1. */
export const Finding = strict({
  severity: Type.Union([Type.Literal('error'), Type.Literal('warning')]),
  path: Type.String(),
  line: Type.Integer(),
  column: Type.Integer(),
  /** Dotted address of the value: `configuration.nginx.worker_processes`; empty for the file. */
  at: Type.String(),
  message: Type.String(),
})

export type Node = Type.Static<typeof Node>
export type Step = Type.Static<typeof Step>
export type Webhook = Type.Static<typeof Webhook>
export type Cron = Type.Static<typeof Cron>
export type Input = Type.Static<typeof Input>
export type Inputs = Type.Static<typeof Inputs>
export type Task = Type.Static<typeof Task>
export type Command = Type.Static<typeof Command>
export type Rule = Type.Static<typeof Rule>
export type Service = Type.Static<typeof Service>
export type Infrastructure = Type.Static<typeof Infrastructure>
export type Finding = Type.Static<typeof Finding>
/** Written out: a recursive type. */
export interface Option {
  type: (typeof optionTypes)[number]
  description?: string
  default?: unknown
  required?: boolean
  minimum?: number
  maximum?: number
  allowed?: unknown[]
  pattern?: string
  keys?: string[]
  options?: Record<string, Option>
  items?: 'string' | 'integer' | 'object'
  removed?: string
  secret?: boolean
  generate?: boolean
}
