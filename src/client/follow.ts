import { ApiProblem, type ProblemDocument, problemOf, Unreachable } from './problem.ts'
import { readEvents, type ServerEvent } from './sse.ts'

export interface FollowOptions {
  signal?: AbortSignal
  /** Called before each new try; `wait` in milliseconds. */
  onReconnect?(reason: string, wait: number): void
  /** Milliseconds before the first new try; doubles up to 10 s. 500 when absent. */
  wait?: number
}

const LONGEST_WAIT = 10_000

/**
 * A stream that is taken up again where it was cut, without gaps or doubles. Ends when the signal aborts; throws when
 * the server refuses. The first connection is tried once: a wrong address should be told at once.
 */
export async function* follow(
  connect: (lastEventId: string | undefined, signal: AbortSignal | undefined) => Promise<Response>,
  { signal, onReconnect, wait: first = 500 }: FollowOptions,
): AsyncGenerator<ServerEvent> {
  let last: string | undefined
  let wait = first
  let connected = false
  while (!signal?.aborted) {
    let reason = 'the server ended the stream'
    try {
      for await (const event of open(await connect(last, signal))) {
        connected = true
        wait = first
        if (event.event === 'problem') throw new ApiProblem(JSON.parse(event.data) as ProblemDocument)
        last = event.id ?? last
        yield event
      }
      connected = true
    } catch (error) {
      if (signal?.aborted) return
      if (!mayPass(error, connected)) throw error
      reason = error instanceof Error ? error.message : String(error)
    }
    if (signal?.aborted) return
    onReconnect?.(reason, wait)
    await pause(wait, signal)
    wait = Math.min(wait * 2, LONGEST_WAIT)
  }
}

async function* open(response: Response): AsyncGenerator<ServerEvent> {
  if (!response.ok) throw new ApiProblem(problemOf(response, await response.json().catch(() => null)))
  if (response.body) yield* readEvents(response.body)
}

/** A refusal stays one; a server that is away or overloaded may come back. */
function mayPass(error: unknown, connected: boolean): boolean {
  if (error instanceof ApiProblem) return error.status >= 500 && connected
  return connected || !(error instanceof Unreachable)
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done, { once: true })
  })
}
