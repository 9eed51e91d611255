import { isProblem, type Problem } from '#kit/problem.ts'
import { type RefusalKind, refusal } from './index.ts'

/** What goes wrong at the engine is thrown as `provider`, sorted by who can mend it. */
export async function sorted<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    throw isProblem(error) ? error : sort(error)
  }
}

interface Thrown {
  /** Of the connection: `ECONNREFUSED`, `ERR_SSL_…`. */
  code?: string
  /** Of the engine's answer. */
  statusCode?: number
  message: string
}

function sort(error: unknown): Problem {
  const { code = '', statusCode, message } = error as Thrown
  const as = (kind: RefusalKind, reason = message) => refusal('docker', kind, reason, error)
  if (code === 'EACCES')
    return as('credentials', 'the platform’s user may not use the Docker engine: add it to group docker')
  if (isCertificate.test(code) || statusCode === 401 || statusCode === 403) return as('credentials')
  if (code === 'ENOENT' || code === 'ECONNREFUSED')
    return as('retry', 'the Docker engine does not answer: start it with tools/setup')
  if (statusCode === 404 && /no such image/i.test(message)) {
    const image = /no such image:?\s*([^\s"]+)/i.exec(message)?.[1] ?? 'of the node'
    return as('final', `image ${image} is not on this machine: make it with tools/setup, or name another`)
  }
  if (statusCode === 404 && /network \S+ not found/i.test(message))
    return as('final', `${message}: make it with docker network create`)
  if (/port is already allocated|address already in use/i.test(message)) return as('final')
  if (/no space left|cannot allocate memory/i.test(message)) return as('quota')
  return as(statusCode === 400 ? 'final' : 'retry')
}

/** Of the TLS of an engine far away: it does not take our certificate, or we do not take its own. */
const isCertificate =
  /^ERR_(SSL|TLS)_.*(CERT|_CA$|ALTNAME)|SELF_SIGNED_CERT|UNABLE_TO_.*(CERT|SIGNATURE)|^CERT_/

export const statusOf = (error: unknown): number | undefined => (error as { statusCode?: number }).statusCode
