import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { isIP } from 'node:net'
import Docker from 'dockerode'
import type { CredentialFields } from '#contracts/credentials.ts'
import { guardedLookup, innerAddress } from '#kit/outbound.ts'
import { Problem } from '#kit/problem.ts'

const known = ['address', 'ca', 'cert', 'key']

/**
 * Never this machine itself nor its link, not even when links to nodes are allowed there: who may set a credential must
 * not reach what listens for the platform alone. The engine of this machine takes no credential.
 */
const lookup = guardedLookup((address, host) =>
  innerAddress(address) === undefined ? undefined : new Error(`${host} is ${address}: ${NOT_HERE}`),
)

const NOT_HERE = 'an engine on the platform itself or its link is not entered by address'

const invalid = (reason: string) => new Problem('invalid', { reason })

/** The engine that a credential names: `address` tcp://HOST:PORT, with `ca`, `cert` and `key` over TLS. */
export function openEngine(fields: CredentialFields): Docker {
  const extra = Object.keys(fields).find((name) => !known.includes(name))
  if (extra) throw invalid(`provider docker has no field ${extra}, it has ${known.join(', ')}`)
  const { ca, cert, key } = fields
  const { hostname, port } = addressOf(fields.address)
  const tls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
  const secure = Object.keys(tls).length > 0
  if ((cert === undefined) !== (key === undefined)) throw invalid('fields cert and key belong together')
  const options = {
    protocol: secure ? ('https' as const) : ('http' as const),
    host: hostname,
    port,
    ...tls,
    // Its types do not know it, docker-modem hands it on.
    agent: secure ? new HttpsAgent({ lookup, ...tls }) : new HttpAgent({ lookup }),
  }
  return new Docker(options)
}

function addressOf(text: string | undefined): { hostname: string; port: number } {
  const [, host = '', port = ''] =
    /^tcp:\/\/([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):(\d{1,5})$/.exec(text ?? '') ?? []
  const hostname = host.replace(/^\[|\]$/g, '')
  if (hostname === '' || Number(port) < 1 || Number(port) > 65535)
    throw invalid('field address must be like tcp://engine.example.org:2376')
  if (isIP(hostname) !== 0 && innerAddress(hostname) !== undefined)
    throw invalid(`field address: ${NOT_HERE}`)
  return { hostname, port: Number(port) }
}
