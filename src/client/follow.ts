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
      for await (const event of open(await connect(last, signal), signal)) {
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

async function* open(response: Response, signal: AbortSignal | undefined): AsyncGenerator<ServerEvent> {
  if (!response.ok) throw new ApiProblem(problemOf(response, await response.json().catch(() => null)))
  if (response.body) yield* readEvents(endAt(response.body, signal))
}

/**
 * The body until the signal aborts. The fetch was given the signal as well, but holds it weakly through its Request:
 * once that is collected, an abort reaches nothing and the reader would wait for ever.
 */
async function* endAt(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader()
  const cancel = () => void reader.cancel().catch(() => {})
  signal?.addEventListener('abort', cancel, { once: true })
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
  } finally {
    signal?.removeEventListener('abort', cancel)
    cancel()
  }
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
