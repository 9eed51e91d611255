import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline, type Readable, Transform } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { Bus } from '#bus'
import type { Identity } from '#contracts/profiles.ts'
import { watchAccess } from '#kit/access-watch.ts'
import type { Clock } from '#kit/clock.ts'
import type { Log } from '#kit/log.ts'
import { Problem } from '#kit/problem.ts'
import type { Admit } from './access.ts'
import { inert } from './answer.ts'
import type { RunExchange } from './exchange.ts'
import type { Limits } from './limits.ts'
import { isRepoId } from './names.ts'
import type { Running } from './running.ts'
import type { Address } from './ssh.ts'

interface Parts {
  bus: Bus
  clock: Clock
  log: Log
  admit: Admit
  run: RunExchange
  running: Running
  limits: Limits
}

type Service = 'upload-pack' | 'receive-pack'

interface Wish {
  repo: string
  service: Service
  /** `info/refs`: the first of the two requests of a fetch or push. */
  advertise: boolean
}

/** Bytes of what a client says in a fetch. */
const FETCH_LIMIT = 16 * 1024 * 1024

/** The smart HTTP protocol of git (gitprotocol-http), for who has a token. */
export async function listenHttp(
  parts: Parts,
  where: Address,
): Promise<{ address: Address; close(): Promise<void> }> {
  const server = createServer({ requestTimeout: parts.limits.time, noDelay: true }, (request, response) => {
    parts.running
      .track((stopping) => serve(parts, request, response, stopping))
      .catch((error) => refuse(parts, response, error))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(where.port, where.host, () => resolve())
  })
  const { port } = server.address() as AddressInfo
  return {
    address: { host: where.host, port },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function serve(
  parts: Parts,
  request: IncomingMessage,
  response: ServerResponse,
  stopping: AbortSignal,
) {
  const wish = parseRequest(request)
  if (!wish) throw new Problem('not_found', { what: 'such address; git clones from /OWNER/REPOSITORY.git' })
  const from = request.socket.remoteAddress ?? ''
  const enter = async () =>
    parts.admit(
      { identity: await authenticate(parts.bus, request), door: 'http', from },
      wish.repo,
      wish.service,
    )
  const admission = await enter()
  const left = new AbortController()
  response.on('close', () => left.abort())
  const body = bodyOf(
    request,
    wish.service === 'receive-pack' ? parts.limits.push + FETCH_LIMIT : FETCH_LIMIT,
    left,
  )
  const protocol = protocolOf(request)
  const kind = wish.advertise ? 'advertisement' : 'result'
  response.writeHead(200, {
    'content-type': `application/x-git-${wish.service}-${kind}`,
    'cache-control': 'no-cache, max-age=0, must-revalidate',
  })
  if (wish.advertise && protocol !== 'version=2') response.write(serviceHeader(wish.service))
  const args = ['--stateless-rpc', ...(wish.advertise ? ['--advertise-refs'] : [])]
  const unwatch = watchAccess(parts.clock, enter, () => left.abort())
  try {
    await parts.run(
      {
        ...admission,
        stillMay: enter,
        program: wish.service,
        args,
        stdin: body,
        stdout: response,
        ...(protocol && { protocol }),
      },
      AbortSignal.any([left.signal, stopping]),
    )
  } finally {
    unwatch()
  }
  // Cut off, not ended: half an answer must not look like a whole one.
  if (left.signal.aborted || stopping.aborted) response.destroy()
  else response.end()
}

function parseRequest(request: IncomingMessage): Wish | undefined {
  const url = URL.parse(request.url ?? '', 'http://localhost')
  const match = /^\/([^/]+\/[^/]+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack)$/.exec(
    url?.pathname ?? '',
  )
  const [, repo = '', rest = ''] = match ?? []
  const advertise = rest === 'info/refs'
  if (request.method !== (advertise ? 'GET' : 'POST')) return undefined
  const service = (advertise ? url?.searchParams.get('service') : rest)?.replace(/^git-/, '')
  if (service !== 'upload-pack' && service !== 'receive-pack') return undefined
  return isRepoId(repo) ? { repo, service, advertise } : undefined
}

/** `Basic` with any user name and a token as password, as git sends it, or `Bearer`. */
async function authenticate(bus: Bus, request: IncomingMessage): Promise<Identity> {
  const [scheme = '', value = ''] = (request.headers.authorization ?? '').split(' ')
  const token = scheme.toLowerCase() === 'bearer' ? value : passwordOf(scheme, value)
  if (!token) throw new Problem('unauthenticated', { reason: 'git over HTTP takes a token as password' })
  return bus.ask('profiles.authenticate', { kind: 'token', token })
}

function passwordOf(scheme: string, value: string): string {
  if (scheme.toLowerCase() !== 'basic') return ''
  const pair = Buffer.from(value, 'base64').toString()
  return pair.slice(pair.indexOf(':') + 1)
}

/** Only what git itself says; anything else does not reach its environment. */
function protocolOf(request: IncomingMessage): string | undefined {
  const said = request.headers['git-protocol']
  return typeof said === 'string' && /^version=[012]$/.test(said) ? said : undefined
}

/** Unpacked, and cut off at `limit` bytes so that a small body cannot unpack into a big one. */
function bodyOf(request: IncomingMessage, limit: number, left: AbortController): Readable {
  if (Number(request.headers['content-length'] ?? 0) > limit) throw new TooLarge()
  let size = 0
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length
      done(size > limit ? new TooLarge() : null, chunk)
    },
  })
  const over = (error: Error | null) => {
    if (error) left.abort()
  }
  if (/^(x-)?gzip$/.test(request.headers['content-encoding'] ?? ''))
    pipeline(request, createGunzip(), counted, over)
  else pipeline(request, counted, over)
  return counted
}

class TooLarge extends Error {}

function serviceHeader(service: Service): string {
  const line = `# service=git-${service}\n`
  return `${(line.length + 4).toString(16).padStart(4, '0')}${line}0000`
}

function refuse({ log }: Parts, response: ServerResponse, error: unknown): void {
  const tooLarge = error instanceof TooLarge
  const problem = Problem.of(error)
  if (problem.code === 'internal' && !tooLarge) log.error({ err: error }, 'git could not be served')
  if (response.headersSent) return void response.destroy()
  const status = tooLarge ? 413 : problem.status
  const text = tooLarge
    ? 'The push is larger than this platform takes'
    : `${problem.message}. ${problem.next}`
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    ...(status === 401 && { 'www-authenticate': 'Basic realm="devo.ps", charset="UTF-8"' }),
    // A body that nobody will read ends with the connection.
    connection: 'close',
  })
  response.end(`${inert(text)}\n`)
}
