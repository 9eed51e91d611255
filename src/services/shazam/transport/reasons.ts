import { Problem } from '#kit/problem.ts'
import { hostOf } from '#language/filters.ts'

const words: Record<string, string> = {
  ECONNREFUSED: 'the connection is refused: nothing listens on this port',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was cut',
  ETIMEDOUT: 'it does not answer in time',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  EHOSTDOWN: 'the host is down',
  ENOTFOUND: 'its name is not found',
  EAI_AGAIN: 'the name server does not answer',
}

/** Why a node cannot be entered: `unreachable` may pass by itself, `login_refused` needs a person. */
export function unreachable(
  target: { node: string; host: string; port: number; user: string },
  error: unknown,
): Problem {
  const { code, level, message } = describe(error)
  const where = `${hostOf(target.host)}:${target.port}`
  if (level === 'client-authentication')
    return new Problem('login_refused', { node: target.node, user: target.user, where }, { cause: error })
  const reason = level === 'client-timeout' ? words.ETIMEDOUT : (words[code] ?? message)
  return new Problem('unreachable', { node: target.node, reason: `${where}: ${reason}` }, { cause: error })
}

/** The same problem, saying that nothing was sent: what was to run has not begun. */
export function notEntered(error: unknown): Problem {
  const { code, data, cause = error } = Problem.of(error)
  return new Problem(code, { ...data, entered: false }, { cause })
}

export const isNotEntered = (error: unknown): boolean =>
  error instanceof Problem && error.data.entered === false

function describe(error: unknown): { code: string; level: string; message: string } {
  const {
    code = '',
    level = '',
    message = String(error),
  } = (error ?? {}) as { code?: string; level?: string; message?: string }
  return { code: String(code), level: String(level), message }
}
