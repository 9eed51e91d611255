import { lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { carriedIpv4 } from './carried-ipv4.ts'
import { isOwnBridge } from './own-interfaces.ts'
import { Problem } from './problem.ts'

/**
 * Where the platform connects to for those who use it. Never to its own machine nor its link, where things listen that
 * trust whoever comes (a cloud's metadata, for one), unless whoever runs the platform allowed it by name.
 */
export interface Outbound {
  /** Throws `invalid` for an address that is never connected to. Of a name only `lookup` can tell. */
  judge(host: string): void
  /** For the connection itself: a name that leads elsewhere later is judged again. Fails with `invalid`. */
  lookup: LookupFunction
}

type Family = 'ipv4' | 'ipv6'
type Lists = Record<Family, BlockList>

const inner: [what: string, lists: Lists][] = [
  ['the platform’s own machine', listsOf('0.0.0.0/8', '127.0.0.0/8', '::/128', '::1/128')],
  [
    'link-local, where a cloud tells a machine its secrets',
    listsOf(
      '169.254.0.0/16',
      'fe80::/10',
      // The same of Amazon and of Google over IPv6, of Alibaba, Azure and Oracle.
      ...['fd00:ec2::254/128', 'fd20:ce::254/128'],
      ...['100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32'],
    ),
  ],
  // Where in 64:ff9b:1::/48 (RFC 8215) the address stands is each network's own affair: so all of it.
  ['IPv4 in another coat', listsOf('64:ff9b:1::/48', '::/96', '::ffff:0:0/96', '::ffff:0:0:0/96')],
  ['no address of one machine', listsOf('224.0.0.0/4', '255.255.255.255/32', 'ff00::/8')],
]

/** What an address is that is never connected to by itself. */
export function innerAddress(address: string): string | undefined {
  const found = inner.find(([, lists]) => holds(lists, address))?.[0]
  if (found !== undefined) return found
  if (isOwnBridge(address)) return 'the platform’s own machine, as its containers see it'
  const carried = carriedIpv4(address).find((one) => innerAddress(one) !== undefined)
  return carried && `${carried} in another coat`
}

/** `resolve`: how names are looked up, the system's way when absent. `allowed`: addresses, networks (`10.0.0.0/8`) and names that are entered all the same. Throws `invalid`. */
export function openOutbound(allowed: readonly string[] = [], resolve?: LookupFunction): Outbound {
  const lists = listsOf(...allowed.filter(isNet))
  const names = new Set(allowed.filter((one) => !isNet(one)).map((one) => one.toLowerCase()))
  const refusal = (address: string, host = address): Problem | undefined => {
    if (names.has(host.toLowerCase()) || holds(lists, address)) return undefined
    const what = innerAddress(address)
    return what === undefined ? undefined : refused(host, address, what)
  }
  return {
    judge(host) {
      const problem = isIP(host) === 0 ? undefined : refusal(host)
      if (problem) throw problem
    },
    lookup: guardedLookup(refusal, resolve),
  }
}

/** A lookup that fails when any address of a name is refused: whoever connects may try all of them. */
export const guardedLookup =
  (
    refusal: (address: string, host: string) => Error | undefined,
    resolve: LookupFunction = lookup as LookupFunction,
  ): LookupFunction =>
  (host, options, done) =>
    resolve(host, options, (error, address, family) => {
      const all = typeof address === 'string' ? [address] : (address ?? []).map((one) => one.address)
      const problem = error ?? all.map((one) => refusal(one, host)).find((one) => one !== undefined)
      if (problem) return done(problem, '', 0)
      done(null, address as string, family as number)
    })

function refused(host: string, address: string, what: string): Problem {
  const found = host === address ? address : `${host} (${address})`
  return new Problem('invalid', {
    reason: `${found} is ${what}, and is not connected to; give the machine’s address in its network, or run the platform with \`devops server --allow-address ${host}\``,
  })
}

const isNet = (text: string): boolean => isIP(text.split('/')[0] ?? '') !== 0

function familyOf(address: string): Family {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}

/** A zone (`fe80::1%eth0`) is no part of the address. */
const holds = (lists: Lists, address: string): boolean => {
  const plain = address.replace(/%.*$/, '')
  return lists[familyOf(plain)].check(plain, familyOf(plain))
}

/** A list a family: in one list `::ffff:0:0/96` would match all of IPv4. */
function listsOf(...nets: string[]): Lists {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const net of nets) {
    const [address = '', prefix] = net.split('/')
    const family = familyOf(address)
    const most = family === 'ipv6' ? 128 : 32
    const length = Number(prefix ?? most)
    if (!Number.isInteger(length) || length < 0 || length > most)
      throw new Problem('invalid', {
        reason: `${net} is no network: its prefix is a number from 0 to ${most}`,
      })
    lists[family].addSubnet(address, length, family)
  }
  return lists
}
