import { lookup } from 'node:dns'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import Docker from 'dockerode'
import type { CredentialFields } from '#contracts/credentials.ts'
import { Problem } from '#kit/problem.ts'

const known = ['address', 'ca', 'cert', 'key']

/**
 * Never this machine itself nor its link: who may set a credential must not reach what listens there for the platform
 * alone. The engine of this machine takes no credential.
 */
const forbidden = {
  ipv4: subnets('ipv4', ['0.0.0.0', 8], ['127.0.0.0', 8], ['169.254.0.0', 16], ['224.0.0.0', 4]),
  // The fourth: IPv4 in another coat. In one list with the others it would match all of IPv4.
  ipv6: subnets('ipv6', ['::', 128], ['::1', 128], ['fe80::', 10], ['::ffff:0:0', 96], ['ff00::', 8]),
}

function subnets(family: 'ipv4' | 'ipv6', ...all: [net: string, prefix: number][]): BlockList {
  const list = new BlockList()
  for (const [net, prefix] of all) list.addSubnet(net, prefix, family)
  return list
}

function isForbidden(address: string): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  return forbidden[family].check(address, family)
}

/** Resolved and judged at each connection: a name that points elsewhere later is judged again. */
const guardedLookup: LookupFunction = (host, options, done) =>
  lookup(host, options, (error, address, family) => {
    const all = typeof address === 'string' ? [address] : (address ?? []).map((one) => one.address)
    const bad = all.find(isForbidden)
    if (!error && bad !== undefined) return done(new Error(`${host} is ${bad}: ${NOT_HERE}`), '', 0)
    done(error, address as string, family as number)
  })

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
    agent: secure
      ? new HttpsAgent({ lookup: guardedLookup, ...tls })
      : new HttpAgent({ lookup: guardedLookup }),
  }
  return new Docker(options)
}

function addressOf(text: string | undefined): { hostname: string; port: number } {
  const [, host = '', port = ''] =
    /^tcp:\/\/([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):(\d{1,5})$/.exec(text ?? '') ?? []
  const hostname = host.replace(/^\[|\]$/g, '')
  if (hostname === '' || Number(port) < 1 || Number(port) > 65535)
    throw invalid('field address must be like tcp://engine.example.org:2376')
  if (isIP(hostname) !== 0 && isForbidden(hostname)) throw invalid(`field address: ${NOT_HERE}`)
  return { hostname, port: Number(port) }
}
