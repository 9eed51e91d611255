import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify'
import type { Identity } from '#contracts/profiles.ts'
import { watchAccess } from '#kit/access-watch.ts'
import { Problem } from '#kit/problem.ts'
import { audited, isAudited } from './audit.ts'
import { admit, bearer } from './guard.ts'
import { nearestRepository } from './names.ts'
import { withNearest } from './nearest.ts'
import type { Call, Context, Route } from './route.ts'
import { encodeAll, encodeLines, type Message } from './sse.ts'

interface Handlers {
  onRequest: (request: FastifyRequest) => Promise<void>
  handler: RouteHandlerMethod
}

/** How a route of the table is judged and answered. */
export function answerRoute(route: Route, context: Context, closing: AbortSignal): Handlers {
  const identities = new WeakMap<FastifyRequest, Identity>()
  const { handle, stream } = route

  const judge = (request: FastifyRequest) =>
    admit(context.bus, route, request.params as Record<string, string>, bearer(request))

  return {
    // Before the body is read: nobody unknown can make the server take a megabyte.
    async onRequest(request) {
      if (route.access !== 'public') identities.set(request, await judge(request))
    },
    handler(request, reply) {
      const gone = untilGone(reply, closing)
      refuseStrayBody(route, request)
      const call = callOf(route, request, identities.get(request), gone.signal)
      if (stream) return sendStream(reply, route.streams, stream(call, context), gone, watchToken)
      const act = async () => {
        // The body may have taken its time; what only reads has none.
        if (route.access !== 'public' && request.body !== undefined) await judge(request)
        const answer = handle?.(call, context)
        if (!answer || route.access === 'public') return answer
        try {
          return await nearestRepository(context.bus, call.repo, call.identity, answer)
        } catch (error) {
          throw await withNearest(error, { bus: context.bus, repo: call.repo, identity: call.identity })
        }
      }
      const answered = isAudited(route) ? audited(context, route, call, act) : act()
      return answered.then((answer) => {
        if (route.location) reply.header('location', route.location(answer as never, call))
        return reply.code(route.status ?? 200).send(answer)
      })

      function watchToken(cut: (problem: Problem) => void): () => void {
        return watchAccess(context.clock, () => judge(request), cut)
      }
    },
  }
}

/** What a route does not read is refused: its sender expects it to matter. */
function refuseStrayBody({ body, raw }: Route, request: FastifyRequest): void {
  if (body || raw || request.body === undefined || request.body === null) return
  const fields = typeof request.body === 'object' ? Object.keys(request.body) : ['body']
  if (fields.length > 0)
    throw new Problem('invalid', { reason: `unknown field ${fields.join(', ')}: nothing is read here` })
}

/** Aborts when the client has gone or the server stops. */
function untilGone(reply: FastifyReply, closing: AbortSignal): AbortController {
  const gone = new AbortController()
  const abort = () => gone.abort()
  if (closing.aborted) abort()
  closing.addEventListener('abort', abort, { once: true })
  reply.raw.once('close', () => {
    closing.removeEventListener('abort', abort)
    abort()
  })
  return gone
}

function callOf(
  route: Route,
  request: FastifyRequest,
  identity: Identity | undefined,
  signal: AbortSignal,
): Call {
  const params = request.params as Record<string, string>
  const last = request.headers['last-event-id']
  return {
    params: params as Call['params'],
    repo: route.scope === 'repo' ? `${params.owner}/${params.repo}` : '',
    query: request.query,
    body: route.raw ? (request.body ?? Buffer.alloc(0)) : request.body,
    get identity() {
      if (!identity)
        throw new Problem('internal', { reason: `route ${route.id} is public and has no identity` })
      return identity
    },
    signal,
    from: request.ip,
    lastEventId: Array.isArray(last) ? last[0] : last,
    headers: headersOf(request),
  }
}

const headersOf = ({ headers }: FastifyRequest): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value ?? []].flat().join(', ')]))

/** A reader that is slow holds the source back: nothing piles up. The stream ends with its token. */
function sendStream(
  reply: FastifyReply,
  streams: Route['streams'],
  messages: AsyncIterable<Message>,
  gone: AbortController,
  watchToken: (cut: (problem: Problem) => void) => () => void,
): FastifyReply {
  let cut: Problem | undefined
  const unwatch = watchToken((problem) => {
    cut = problem
    gone.abort()
  })
  reply.raw.once('close', unwatch)
  async function* all(): AsyncGenerator<Message> {
    try {
      yield* messages
      if (cut) yield ended(cut)
    } catch (error) {
      yield ended(Problem.of(error))
    } finally {
      unwatch()
    }
  }
  return (
    reply
      .type(`${streams === 'lines' ? 'application/x-ndjson' : 'text/event-stream'}; charset=utf-8`)
      .header('x-accel-buffering', 'no')
      // Nothing comes after a stream: kept, its connection would hold up the stop of the server.
      .header('connection', 'close')
      .send(Readable.from((streams === 'lines' ? encodeLines : encodeAll)(all()), { objectMode: false }))
  )
}

/** Why a stream is over, when not because its reader left. */
const ended = (problem: Problem): Message => ({
  event: 'problem',
  data: {
    ...problem.data,
    code: problem.code,
    status: problem.status,
    detail: problem.message,
    next: problem.next,
  },
})
