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

export interface LogFilter {
  node?: string
  task?: string
  work?: string
  /** Sequence number after which lines are wanted; without it the newest `limit` come first. */
  after?: number
  limit?: number
}

export interface RepositoryEvent {
  /** `node.web.update.success`, or `gap` when earlier ones are lost. */
  type: string
  id: string | undefined
  data: Record<string, unknown>
}

export interface Client extends FetchClient<paths> {
  /** Lines as they come, each exactly once, over reconnections. */
  followLogs(repo: string, filter?: LogFilter, options?: FollowOptions): AsyncIterable<Schemas['Line']>
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
      for await (const { event, data } of stream(`/v1/repos/${repo}/logs/stream`, filter, options))
        if (event === 'line') yield JSON.parse(data) as Schemas['Line']
    },
    async *followEvents(repo, options = {}) {
      for await (const { id, event, data } of stream(`/v1/repos/${repo}/events`, {}, options))
        yield { type: event, id, data: JSON.parse(data) as Record<string, unknown> }
    },
  }
}
