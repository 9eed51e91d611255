import createFetchClient, { type Client as FetchClient } from 'openapi-fetch'
import { type FollowOptions, follow } from './follow.ts'
import type { paths, Schemas } from './generated/types.ts'
import { ApiProblem, problemOf, Unreachable } from './problem.ts'

export type { FollowOptions } from './follow.ts'
export type { components, paths, Schemas } from './generated/types.ts'
export { ApiProblem, Unreachable } from './problem.ts'

export interface ClientOptions {
  /** `http://127.0.0.1:7050` */
  baseUrl: string
  /** `devo_…`; absent for what is public. */
  token?: string
  fetch?: typeof globalThis.fetch
}

/** `after`: the sequence number after which lines are wanted; without it the newest `limit` come first. */
export type LogFilter = NonNullable<paths['/v1/repos/{owner}/{repo}/logs']['get']['parameters']['query']>

export interface LogFollowOptions extends FollowOptions {
  /** So many lines were removed before they could be sent. */
  onRemoved?(lines: number): void
}

export interface RepositoryEvent {
  /** `node.web.update.success`, or `gap` when earlier ones are lost. */
  type: string
  id: string | undefined
  data: Record<string, unknown>
}

export interface Client extends FetchClient<paths> {
  /** Lines as they come, each exactly once, over reconnections. Without a repository, those of the platform. */
  followLogs(
    repo: string | undefined,
    filter?: LogFilter,
    options?: LogFollowOptions,
  ): AsyncIterable<Schemas['Line']>
  /** Events as they come. */
  followEvents(repo: string, options?: FollowOptions): AsyncIterable<RepositoryEvent>
}

/** A typed client of the API. Every refusal is thrown as ApiProblem, every silence as Unreachable. */
export function createClient({ baseUrl, token, fetch = globalThis.fetch }: ClientOptions): Client {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const address = baseUrl.replace(/\/+$/, '')

  const reach = async (request: Request): Promise<Response> => {
    try {
      return await fetch(request)
    } catch (error) {
      if (request.signal.aborted) throw error
      throw new Unreachable(address, error)
    }
  }

  const client = createFetchClient<paths>({ baseUrl: address, headers, fetch: reach })
  client.use({
    async onResponse({ response }) {
      if (!response.ok) throw new ApiProblem(problemOf(response, await response.json().catch(() => null)))
    },
  })

  const stream = (path: string, query: object, options: FollowOptions) =>
    follow((last, signal) => {
      const url = new URL(`${address}${path}`)
      for (const [name, value] of Object.entries(query))
        if (value !== undefined) url.searchParams.set(name, String(value))
      return reach(
        new Request(url, {
          headers: {
            ...headers,
            accept: 'text/event-stream',
            ...(last === undefined ? {} : { 'last-event-id': last }),
          },
          signal: signal ?? null,
        }),
      )
    }, options)

  return {
    ...client,
    async *followLogs(repo, filter = {}, options = {}) {
      const path = repo === undefined ? '/v1/platform/logs' : `/v1/repos/${repo}/logs`
      for await (const { event, data } of stream(`${path}/stream`, filter, options)) {
        if (event === 'line') yield JSON.parse(data) as Schemas['Line']
        if (event === 'removed') options.onRemoved?.((JSON.parse(data) as Schemas['Removed']).lines)
      }
    },
    async *followEvents(repo, options = {}) {
      for await (const { id, event, data } of stream(`/v1/repos/${repo}/events`, {}, options))
        yield { type: event, id, data: JSON.parse(data) as Record<string, unknown> }
    },
  }
}
