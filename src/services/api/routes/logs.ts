import Type from 'typebox'
import { strict } from '#contracts/define.ts'
import { LineFilter, platformLines } from '#contracts/logger.ts'
import { exportLines, followLines, requireNamed } from '../logs.ts'
import { type Declaration, type Route, route, streamRoute } from '../route.ts'
import { countedLine, position } from '../steps.ts'
import { Lines } from '../views.ts'

const filter = {
  ...LineFilter,
  step: Type.Optional(Type.Integer({ minimum: 1, description: 'of the task, counted from 1' })),
}
const limit = Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 }))
const cursor = (what: string) => Type.Optional(Type.Integer({ minimum: 0, description: what }))
const after = cursor('sequence number; the oldest lines after it come, oldest first')
const before = cursor('sequence number; the newest lines before it come')

/** Where lines are to be had: of a repository by those who may read it, of the platform by its administrators. */
interface Place extends Pick<Declaration, 'access' | 'scope'> {
  path: '/v1/repos/:owner/:repo/logs' | '/v1/platform/logs'
  /** Ends the names of the operations. */
  suffix: string
  whose: string
}

const places: Place[] = [
  {
    path: '/v1/repos/:owner/:repo/logs',
    suffix: 'Logs',
    whose: 'of a repository',
    access: 'logs.read',
    scope: 'repo',
  },
  {
    path: '/v1/platform/logs',
    suffix: 'PlatformLogs',
    whose: 'of the platform itself',
    access: 'platform.read',
    scope: 'platform',
  },
]

const whose = (repo: string): string => repo || platformLines

const routesOf = ({ path, suffix, whose: of, access, scope }: Place): Route[] => [
  route(
    {
      id: `query${suffix}`,
      method: 'GET',
      path,
      access,
      scope,
      summary: `Log lines ${of}: the newest, those before or those after a sequence number`,
      query: strict({ ...filter, after, before, limit }),
      response: Lines,
    },
    async ({ repo, query }, { bus }) => {
      const found = await bus.ask('logger.query', { repo: whose(repo), limit: 100, ...position(query) })
      if (found.lines.length === 0) await requireNamed(bus, { repo: whose(repo), ...query })
      return { ...found, lines: found.lines.map(countedLine) }
    },
  ),
  streamRoute(
    {
      id: `follow${suffix}`,
      method: 'GET',
      path: `${path}/stream`,
      access,
      scope,
      summary: `Log lines ${of} as they come; the id of an event is the sequence number of its line`,
      query: strict({ ...filter, after, limit }),
    },
    ({ repo, query, lastEventId, signal }, { bus }) =>
      followLines(bus, { repo: whose(repo), ...position(query) }, lastEventId, signal),
  ),
  streamRoute(
    {
      id: `export${suffix}`,
      method: 'GET',
      path: `${path}/export`,
      access,
      scope,
      summary: `All log lines ${of} that fit, oldest first, as JSON lines`,
      streams: 'lines',
      query: strict({ ...filter, after }),
    },
    ({ repo, query, signal }, { bus }) => exportLines(bus, { repo: whose(repo), ...position(query) }, signal),
  ),
]

export const logs: Route[] = places.flatMap(routesOf)
