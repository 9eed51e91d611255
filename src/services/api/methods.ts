import type { FastifyRequest } from 'fastify'
import { Problem } from '#kit/problem.ts'
import { routes } from './routes.ts'

/** The pattern of each address, with the methods that it takes. */
const addresses = new Map<string, { pattern: RegExp; methods: string[] }>()
for (const { method, path } of [...routes, { method: 'GET', path: '/openapi.json' }]) {
  const known = addresses.get(path) ?? { pattern: patternOf(path), methods: [] }
  known.methods.push(...(method === 'GET' ? ['GET', 'HEAD'] : [method]))
  addresses.set(path, known)
}

function patternOf(path: string): RegExp {
  const text = path.replace(/[.\\+?^${}()|[\]]/g, '\\$&').replace(/:\w+/g, '[^/]+')
  return new RegExp(`^${text.replace('*', '.*')}$`)
}

/** Why nothing answers a request: there is no such address, or it takes other methods (RFC 9110 §15.5.6). */
export function notThere({ method, url }: Pick<FastifyRequest, 'method' | 'url'>): Problem {
  const path = url.split('?')[0] ?? ''
  const taken = methodsOf(path)
  if (taken.length > 0 && !taken.includes(method))
    return new Problem('method', { method, path, allow: taken.join(', ') })
  return new Problem('not_found', { what: `route ${method} ${path}` })
}

function methodsOf(path: string): string[] {
  // Any address below it takes POST alone, whether or not there is a webhook: who asks learns nothing.
  if (path.startsWith('/hooks/')) return ['POST']
  const all = [...addresses.values()].filter(({ pattern }) => pattern.test(path))
  return [...new Set(all.flatMap(({ methods }) => methods))].sort()
}
