import { isIPv6 } from 'node:net'
import { Problem } from '#kit/problem.ts'

/**
 * An address as somebody writes it (`app.example.com`, `192.0.2.7`, `2001:DB8::1`, `[2001:db8::1]`), as it is kept: IPv6
 * in its shortest form and without brackets. Throws `invalid`.
 */
export function readHost(text: string): string {
  const bracketed = /^\[(.*)\]$/.exec(text)?.[1]
  const host = bracketed ?? text
  if (host.includes('%'))
    throw new Problem('invalid', {
      reason: `${text} has a zone, which has a meaning on one machine alone: give an address that is reached without one`,
    })
  if (isIPv6(host)) return new URL(`http://[${host}]`).hostname.slice(1, -1)
  if (bracketed !== undefined || /[:[\]]/.test(host))
    throw new Problem('invalid', {
      reason: `${text} is neither a name nor an address; a port is given by itself (--port)`,
    })
  return host
}
