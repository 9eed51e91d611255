import type { Bus } from '#bus'
import type { AuditRecord } from '#contracts/audit.ts'
import type { Log } from '#kit/log.ts'
import { Problem } from '#kit/problem.ts'
import type { Call, Declaration } from './route.ts'

/** Whether a route changes something, and so is recorded before it acts. A public one has nobody to name. */
export const isAudited = ({ method, access, changes }: Declaration): boolean =>
  method !== 'GET' && access !== 'public' && changes !== false

/** Texts longer than this are cut: the audit is no store of contents. */
const LONGEST = 200

/**
 * Records who is about to do what, does it, and records what came of it. What cannot be recorded is not done. An outcome
 * that cannot be recorded is reported: the intent stands, and what was done is done.
 */
export async function audited<T>(
  { bus, log }: { bus: Bus; log: Log },
  route: Declaration,
  call: Call,
  act: () => Promise<T>,
): Promise<T> {
  const record = recordOf(route, call)
  const { seq } = await bus.ask('profiles.record_audit', record)
  const end = async (outcome: AuditRecord['outcome'], details: AuditRecord['details']) => {
    await bus
      .ask('profiles.record_audit', { ...record, details, outcome, of: seq })
      .catch((error) => log.error({ err: error, of: seq }, 'the outcome of a change could not be recorded'))
  }
  try {
    const answer = await act()
    await end('done', {})
    return answer
  } catch (error) {
    const problem = Problem.of(error)
    await end(problem.status < 500 ? 'refused' : 'failed', { code: problem.code })
    throw error
  }
}

function recordOf(route: Declaration, call: Call): AuditRecord {
  const { repo, params, query, body, identity, from } = call
  const { owner: _owner, repo: _repo, ...rest } = params as Record<string, string>
  const details = repo === '' ? params : rest
  const address = route.path.replace(
    /:(\w+)/g,
    (_, name: string) => (params as Record<string, string>)[name] ?? '',
  )
  return {
    actor: identity.user,
    via: identity.via,
    credential: identity.credential,
    from,
    action: route.id,
    repo: repo === '' ? (route.about?.(call) ?? null) : repo,
    cause: `${route.method} ${address}`,
    details: { ...details, ...(query as object), ...summary(body, route.shows) },
    outcome: 'intent',
    of: null,
  }
}

/** The names of the fields of a body; values only of those that the route says hold no secret. */
export function summary(body: unknown, shows: readonly string[] = []): Record<string, unknown> {
  if (typeof body !== 'object' || body === null) return {}
  const fields = Object.keys(body)
  const shown = Object.entries(body).filter(([name]) => shows.includes(name))
  const hidden = fields.filter((name) => !shows.includes(name))
  return {
    ...Object.fromEntries(shown.map(([name, value]) => [name, brief(value)])),
    ...(hidden.length > 0 && { fields: hidden }),
  }
}

const brief = (value: unknown): unknown =>
  typeof value === 'string' && value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value
