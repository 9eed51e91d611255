import Type from 'typebox'
import { Nothing, strict } from '#contracts/define.ts'
import { Name } from '#contracts/ids.ts'
import { Problem } from '#kit/problem.ts'
import { followLines } from '../logs.ts'
import { type Route, route, streamRoute } from '../route.ts'
import { Lines } from '../views.ts'

/** Proxies close what is silent for a minute. */
const HEARTBEAT = 15_000

const Filter = {
  node: Type.Optional(Name),
  task: Type.Optional(Name),
  work: Type.Optional(Type.String()),
  after: Type.Optional(Type.Integer({ minimum: 0, description: 'sequence number' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
}

export const streams: Route[] = [
  route(
    {
      id: 'health',
      method: 'GET',
      path: '/healthz',
      access: 'public',
      scope: 'platform',
      summary: 'Whether the API answers',
      response: Nothing,
    },
    async () => ({}),
  ),
  route(
    {
      id: 'getSchema',
      method: 'GET',
      path: '/v1/schemas/:kind',
      access: 'public',
      scope: 'platform',
      summary: 'JSON Schema of a kind of descriptor, for editors: node, task, service',
      response: Type.Record(Type.String(), Type.Unknown()),
    },
    async ({ params }, { schemas }) => {
      const all = schemas() as Record<string, Record<string, unknown>>
      const kind = params.kind.replace(/\.json$/, '')
      if (!Object.hasOwn(all, kind))
        throw new Problem('not_found', { what: `schema ${kind}; there are ${Object.keys(all).join(', ')}` })
      return all[kind] ?? {}
    },
  ),
  route(
    {
      id: 'queryLogs',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/logs',
      access: 'logs.read',
      scope: 'repo',
      summary: 'Log lines: the newest, or the oldest after a sequence number',
      query: strict({ ...Filter, text: Type.Optional(Type.String()) }),
      response: Lines,
    },
    ({ repo, query }, { bus }) => bus.ask('logger.query', { repo, limit: 100, ...query }),
  ),
  streamRoute(
    {
      id: 'followLogs',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/logs/stream',
      access: 'logs.read',
      scope: 'repo',
      summary: 'Log lines as they come; the id of an event is the sequence number of its line',
      query: strict(Filter),
    },
    ({ repo, query, lastEventId, signal }, { bus }) =>
      followLines(bus, { repo, ...query }, lastEventId, signal),
  ),
  streamRoute(
    {
      id: 'followEvents',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/events',
      access: 'repo.read',
      scope: 'repo',
      summary: 'Events of a repository as they come; the latest 1,000 can be had again by Last-Event-ID',
    },
    ({ repo, lastEventId, signal }, { events, clock }) =>
      events.follow(repo, lastEventId, signal, (act) => clock.after(HEARTBEAT, act)),
  ),
]
