import type { FastifyRequest } from 'fastify'
import type { Bus } from '#bus'
import type { Identity } from '#contracts/profiles.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import { nearestRepository } from './names.ts'
import type { Declaration } from './route.ts'

/** A token in an address ends up in histories, proxies and logs: it is refused, even when it would be good. */
export function refuseTokenInQuery(query: unknown): void {
  for (const [key, value] of Object.entries(query ?? {}))
    if (/^(access_?)?token$|^api_?key$|^password$/i.test(key) || String(value).startsWith('devo_'))
      throw new Problem('invalid', {
        reason: `a token in an address ends up in logs; send it as \`Authorization: Bearer devo_…\` instead of \`${key}\``,
      })
}

export function bearer(request: FastifyRequest): string {
  const [, token] = /^Bearer (devo_\S+)$/i.exec(request.headers.authorization ?? '') ?? []
  if (token === undefined)
    throw new Problem('unauthenticated', {
      reason: request.headers.authorization
        ? 'the Authorization header is not `Bearer devo_…`'
        : 'the request has no Authorization header',
    })
  return token
}

/**
 * Of administrators no right is asked, so nobody has looked whether there is such a repository. The audit of one that
 * was deleted stays theirs. When git cannot tell, what is asked next will.
 */
async function requireRepository(bus: Bus, repo: string): Promise<void> {
  try {
    await bus.ask('git.get_repository', { repo })
  } catch (error) {
    if (isProblem(error, 'not_found')) throw error
  }
}

/** Who asks, once he proved to be somebody who may. Throws `unauthenticated`, `forbidden` or `not_found`. */
export async function admit(
  bus: Bus,
  route: Declaration,
  params: Record<string, string>,
  token: string,
): Promise<Identity> {
  const identity = await bus.ask('profiles.authenticate', { kind: 'token', token })
  const { access, scope } = route
  if (access === 'public' || access === 'anybody') return identity
  const repo = `${params.owner}/${params.repo}`
  const allowed = bus.ask('profiles.authorize', {
    user: identity.user,
    action: access,
    ...(scope === 'repo' && { repo }),
    ...(scope === 'self' && { whose: params.user }),
    ...(identity.reach && { reach: identity.reach }),
  })
  await nearestRepository(bus, repo, identity, allowed)
  if (scope === 'repo' && identity.admin && access !== 'audit.read')
    await nearestRepository(bus, repo, identity, requireRepository(bus, repo))
  return identity
}
