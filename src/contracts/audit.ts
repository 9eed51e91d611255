import Type from 'typebox'
import { call, nullable, strict } from './define.ts'
import { RepoId, Time } from './ids.ts'

/** `intent`: about to be done, written before it is; the rest says what became of an intent, or stands for itself. */
export const auditOutcomes = ['intent', 'done', 'refused', 'failed'] as const

const written = {
  /** Null: who could not prove to be anybody. */
  actor: nullable(Type.String()),
  /** By what the actor was known: `token`, `key`, `password`, `platform`. */
  via: nullable(Type.String()),
  /** Id of the token, fingerprint of the key. */
  credential: nullable(Type.String()),
  /** Address of the client. */
  from: nullable(Type.String()),
  /** Id of the API's route, `git.push`, `sign_in`, `credential.use`. */
  action: Type.String(),
  repo: nullable(RepoId),
  /** `PUT /v1/repos/ann/shop/variables`, `git push over ssh`, `work 0abc`. */
  cause: Type.String(),
  /** Never a value that is secret. */
  details: Type.Record(Type.String(), Type.Unknown()),
  outcome: Type.Enum(auditOutcomes),
  /** The intent that this is the outcome of. */
  of: nullable(Type.Integer()),
}

export const AuditRecord = strict(written)

/** `hash`: SHA-256 over the hash before and the row as JSON, in hexadecimal. */
export const AuditEntry = strict({ seq: Type.Integer(), at: Time, ...written, hash: Type.String() })

/** `SEQ:HASH` of the newest entry: kept elsewhere, it shows later that nothing up to it was taken away. */
const Head = Type.String({ pattern: '^[0-9]{1,15}:[0-9a-f]{64}$', description: 'SEQ:HASH' })

export const AuditVerdict = strict({
  entries: Type.Integer(),
  head: nullable(Head),
  /** What is wrong, in order; empty: nothing. At most 100. */
  faults: Type.Array(strict({ seq: Type.Integer(), reason: Type.String() })),
})

export const AuditHead = Head

export const calls = {
  /** Durable when it answers. Throws `unaudited` when it cannot be written: then what it is about must not happen. */
  'profiles.record_audit': call(AuditRecord, strict({ seq: Type.Integer() })),
  /** Newest first. `before`: entries with a smaller number. */
  'profiles.list_audit': call(
    strict({
      repo: Type.Optional(RepoId),
      actor: Type.Optional(Type.String()),
      action: Type.Optional(Type.String()),
      since: Type.Optional(Time),
      before: Type.Optional(Type.Integer()),
      limit: Type.Integer({ minimum: 1, maximum: 1000 }),
    }),
    Type.Array(AuditEntry),
  ),
  'profiles.verify_audit': call(strict({ head: Type.Optional(Head) }), AuditVerdict),
}

export type AuditRecord = Type.Static<typeof AuditRecord>
export type AuditEntry = Type.Static<typeof AuditEntry>
export type AuditVerdict = Type.Static<typeof AuditVerdict>
