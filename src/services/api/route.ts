import type Type from 'typebox'
import type { Bus } from '#bus'
import type { Action, Identity } from '#contracts/profiles.ts'
import type { Clock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import type { EventLog } from './events.ts'
import type { Locate } from './location.ts'
import type { Message } from './sse.ts'

/**
 * What one must be to call a route: an action of the contract, `anybody` (signed in, and only ever shown what is his),
 * or `public` (not signed in).
 */
export type Access = Action | 'anybody' | 'public'

/**
 * On what the action is judged: the platform, the repository in the path, or the user in the path, who needs no right
 * to act on himself.
 */
export type Scope = 'platform' | 'repo' | 'self'

/** Why the platform cannot do all of its work. `final`: only a new process can. */
export interface Trouble {
  reason: string
  final?: boolean
}

export interface Context {
  /** What keeps the platform from its work at present. */
  troubles: () => Promise<readonly Trouble[]>
  bus: Bus
  log: Log
  clock: Clock
  events: EventLog
  /** JSON Schemas of descriptors by kind. */
  schemas: () => object
}

type ParamNames<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParamNames<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never

export interface Call<Path extends string = string, Q = unknown, B = unknown> {
  params: Record<ParamNames<Path>, string>
  /** `owner/name` of a route whose scope is `repo`; empty elsewhere. */
  repo: string
  query: Q
  body: B
  /** Who asks. Throws on a public route. */
  identity: Identity
  /** Aborts when the client is gone, the server stops, or (streams) the token stops being valid. */
  signal: AbortSignal
  /** Address of the asker. */
  from: string
  /** `Last-Event-ID` of a stream that is taken up again. */
  lastEventId: string | undefined
  /** Names in lower case; of one that came more than once all values, with commas between. */
  headers: Record<string, string>
}

type Static<S> = S extends Type.TSchema ? Type.Static<S> : undefined

export interface Declaration {
  /** Operation id, and the name of the method in the client. */
  id: string
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  path: string
  access: Access
  scope: Scope
  summary: string
  query?: Type.TSchema
  body?: Type.TSchema
  /** Of a success; 200 when absent. */
  status?: 200 | 201 | 202
  response?: Type.TSchema
  /** Of a 202: the header `Location`. */
  location?: Locate
  /** False: a POST that changes nothing, which is not audited. */
  changes?: false
  /** Fields of the body whose values are no secret: the audit keeps them, and of the others the names. */
  shows?: readonly string[]
  /** The repository that a change is about, where the path does not name it: its audit tells of it. */
  about?(call: Call): string
  /** What a stream sends: server-sent events, or JSON lines; events when absent. */
  streams?: 'events' | 'lines'
  /** The body comes as its bytes, whatever its type. */
  raw?: true
}

export interface Route extends Declaration {
  handle?(call: Call, context: Context): Promise<unknown>
  stream?(call: Call, context: Context): AsyncIterable<Message>
}

/** A route that answers with JSON. */
export function route<
  Path extends string,
  R extends Type.TSchema,
  Q extends Type.TSchema | undefined = undefined,
  B extends Type.TSchema | undefined = undefined,
>(
  declaration: Omit<Declaration, 'path' | 'query' | 'body'> & {
    path: Path
    response: R
    query?: Q
    body?: B
  },
  handle: (call: Call<Path, Static<Q>, Static<B>>, context: Context) => Promise<Type.Static<R>>,
): Route {
  return { ...(declaration as Declaration), handle: (call, context) => handle(call as never, context) }
}

/** A route that answers with server-sent events. */
export function streamRoute<Path extends string, Q extends Type.TSchema | undefined = undefined>(
  declaration: Omit<Declaration, 'path' | 'query' | 'body' | 'response'> & { path: Path; query?: Q },
  stream: (call: Call<Path, Static<Q>, undefined>, context: Context) => AsyncIterable<Message>,
): Route {
  return { ...(declaration as Declaration), stream: (call, context) => stream(call as never, context) }
}

/** A route that takes any body, as it is. */
export function rawRoute<Path extends string, R extends Type.TSchema>(
  declaration: Omit<Declaration, 'path' | 'query' | 'body' | 'raw'> & { path: Path; response: R },
  handle: (
    call: Call<Path, Record<string, string | string[]>, Buffer>,
    context: Context,
  ) => Promise<Type.Static<R>>,
): Route {
  const raw = { ...(declaration as Declaration), raw: true as const }
  return { ...raw, handle: (call, context) => handle(call as never, context) }
}
