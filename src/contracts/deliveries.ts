import Type from 'typebox'
import { call, nullable, strict } from './define.ts'
import { Name, RepoId, Time } from './ids.ts'

/** How senders of webhooks sign: as GitHub does, with GitLab's token, or by Standard Webhooks. */
export const signatureTypes = ['github', 'gitlab', 'standard'] as const

const Texts = Type.Record(Type.String(), Type.String())

/** A request that came to a webhook. */
export const Delivery = strict({
  id: Type.String(),
  repo: RepoId,
  path: Type.String(),
  task: Name,
  state: Type.Enum(['accepted', 'refused']),
  /** What the sender was answered. */
  status: Type.Integer(),
  /** Why it was refused. */
  reason: nullable(Type.String()),
  /** The sender's own id of it: a second one with this id starts no second run. */
  key: nullable(Type.String()),
  /** Address of the sender's socket. */
  from: Type.String(),
  /** Bytes of the body. */
  size: Type.Integer(),
  run: nullable(Type.String()),
  /** Of a redelivery: which delivery was taken again, and by whom. */
  of: nullable(Type.String()),
  by: nullable(Type.String()),
  at: Time,
})

/** As templates of a run see it below `request`. */
export const HookRequest = strict({
  path: Type.String(),
  /** Names in lower case; without those that carry credentials. */
  headers: Texts,
  query: Texts,
})

export const DeliveryContent = strict({
  ...Delivery.properties,
  request: HookRequest,
  /** As templates see it below `payload`; null when it was empty, or is not kept. */
  payload: Type.Unknown(),
  /** Bodies of refused deliveries are not kept, those of accepted ones for a while. */
  kept: Type.Boolean(),
})

export const calls = {
  /**
   * A request to a webhook. Once it answers, the delivery and its run are durable. `not_found` when no task has the
   * path; `unsigned`, `address_refused`, `too_many`, `invalid` when it is not taken.
   */
  'tasker.receive_webhook': call(
    strict({
      repo: RepoId,
      ...HookRequest.properties,
      /** Base64. */
      body: Type.String(),
      from: Type.String(),
    }),
    strict({
      delivery: Type.String(),
      run: Type.String(),
      /** A delivery with the same id came before: this is its run. */
      repeated: Type.Boolean(),
    }),
  ),
  /** Newest first. */
  'tasker.list_deliveries': call(
    strict({
      repo: RepoId,
      path: Type.Optional(Type.String()),
      limit: Type.Integer({ minimum: 1, maximum: 1000 }),
    }),
    Type.Array(Delivery),
  ),
  'tasker.get_delivery': call(strict({ repo: RepoId, delivery: Type.String() }), DeliveryContent),
  /** Takes an accepted delivery again, as it came: another run. `conflict` when its body is not kept any more. */
  'tasker.redeliver': call(strict({ repo: RepoId, delivery: Type.String(), by: Type.String() }), Delivery),
}

export type Delivery = Type.Static<typeof Delivery>
export type DeliveryContent = Type.Static<typeof DeliveryContent>
export type HookRequest = Type.Static<typeof HookRequest>
export type SignatureType = (typeof signatureTypes)[number]
