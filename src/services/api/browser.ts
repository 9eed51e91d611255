import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { Problem } from '#kit/problem.ts'

/**
 * What a browser could be tricked into. A foreign name that points here (DNS rebinding) shows in `Host`: addresses and
 * `localhost` cannot be rebound, names must be allowed. A foreign page shows in `Origin`.
 */
export function checkBrowser(request: FastifyRequest, allowedHosts: readonly string[]): void {
  refuseTwoHosts(request.raw.rawHeaders)
  const host = request.headers.host ?? ''
  const name = hostName(host)
  if (!isAddress(name) && name !== 'localhost' && !allowedHosts.includes(name))
    throw new Problem('invalid', {
      reason: `this server does not go by the name \`${name}\`; allow it with \`devops server --allowed-host ${name}\``,
    })
  const { origin } = request.headers
  if (origin !== undefined && originHost(origin) !== host)
    throw new Problem('invalid', { reason: `a page of ${origin} may not speak to this server` })
}

/** RFC 9112 §3.2: a proxy may have judged the one, and we the other. */
function refuseTwoHosts(headers: readonly string[]): void {
  const hosts = headers.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host')
  if (hosts.length > 1) throw new Problem('invalid', { reason: 'the request has more than one Host' })
}

const hostName = (host: string) => host.replace(/:\d+$/, '').toLowerCase()

const isAddress = (name: string) => isIP(name.replace(/^\[|\]$/g, '')) !== 0

const originHost = (origin: string) => (URL.canParse(origin) ? new URL(origin).host : undefined)
