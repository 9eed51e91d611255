import Type from 'typebox'
import { Nothing } from '#contracts/define.ts'
import { Problem } from '#kit/problem.ts'
import { type Route, route, streamRoute } from '../route.ts'

/** Proxies close what is silent for a minute. */
const HEARTBEAT = 15_000

export const streams: Route[] = [
  route(
    {
      id: 'health',
      method: 'GET',
      path: '/healthz',
      access: 'public',
      scope: 'platform',
      summary:
        'Whether the process is alive and worth keeping; a full disk passes, and is the business of /readyz',
      response: Nothing,
    },
    async (_, { troubles }) => {
      const [broken] = (await troubles()).filter(({ final }) => final)
      if (broken) throw new Problem('not_ready', { reason: broken.reason })
      return {}
    },
  ),
  route(
    {
      id: 'ready',
      method: 'GET',
      path: '/readyz',
      access: 'public',
      scope: 'platform',
      summary:
        'Whether the platform can take changes and follow them: its disk has room, and nothing of it sleeps',
      response: Nothing,
    },
    async (_, { troubles }) => {
      const all = await troubles()
      if (all.length > 0)
        throw new Problem('not_ready', { reason: all.map(({ reason }) => reason).join('; ') })
      return {}
    },
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
