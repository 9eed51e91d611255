import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'

export interface BrokenEngines extends AsyncDisposable {
  /** Nobody listens there. */
  absent: Docker
  /** The real one, asked in a version of its API that it does not have. */
  tooOld: Docker
  /** Wants a certificate of its clients, and is shown none. */
  closed: Docker
  /** Its disk is full. A real one answers so: status 500 and `message`, as its API has it for every error. */
  full: Docker
  /** The real one, but it has no addresses left for another network: to use them up would take them from others. */
  crowded: Docker
}

/** As libnetwork of the engine 20.10 says it. */
const NO_POOL =
  'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network'

export async function startBrokenEngines(): Promise<BrokenEngines> {
  const folder = mkdtempSync(join(tmpdir(), 'devops-engines-'))
  const [cert, key] = newCertificate(folder)
  const full = createServer((_, answer) => {
    answer.writeHead(500, { 'content-type': 'application/json' })
    answer.end(JSON.stringify({ message: 'mkdir /var/lib/docker/overlay2/1: no space left on device' }))
  })
  const crowded = createServer((asked, answer) => {
    if (asked.method === 'POST' && asked.url?.includes('/networks/create')) {
      answer.writeHead(500, { 'content-type': 'application/json' })
      answer.end(JSON.stringify({ message: NO_POOL }))
      return
    }
    const { method, url: path, headers } = asked
    const engine = request({ socketPath: '/var/run/docker.sock', method, path, headers }, (real) => {
      answer.writeHead(real.statusCode ?? 502, real.headers)
      real.pipe(answer)
    })
    asked.pipe(engine)
  })
  const closed = createTlsServer({ cert, key, ca: cert, requestCert: true }, (_, answer) => answer.end())
  closed.on('tlsClientError', () => {})
  const socketPath = join(folder, 'full.sock')
  await listen(full, socketPath)
  const crowdedPath = join(folder, 'crowded.sock')
  await listen(crowded, crowdedPath)
  await listen(closed, 0)
  const { port } = closed.address() as { port: number }
  return {
    absent: new Docker({ socketPath: join(folder, 'nobody.sock') }),
    tooOld: new Docker({ socketPath: '/var/run/docker.sock', version: 'v1.999' }),
    closed: new Docker({ protocol: 'https', host: 'localhost', port, ca: cert }),
    full: new Docker({ socketPath }),
    crowded: new Docker({ socketPath: crowdedPath }),
    async [Symbol.asyncDispose]() {
      for (const server of [full, closed, crowded]) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
      rmSync(folder, { recursive: true })
    },
  }
}

const listen = (server: Server, at: string | number) =>
  new Promise<void>((resolve) => {
    if (typeof at === 'string') server.listen(at, resolve)
    else server.listen(at, '127.0.0.1', resolve)
  })

function newCertificate(folder: string): [cert: string, key: string] {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const files = ['-keyout', key, '-out', cert]
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-days', '2', ...subject, ...files],
    {
      stdio: 'ignore',
    },
  )
  return [readFileSync(cert, 'utf8'), readFileSync(key, 'utf8')]
}
