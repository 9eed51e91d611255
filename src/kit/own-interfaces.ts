import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'

/** Whether an address is this machine's in one of its networks. It may be connected to; who does should know. */
export const isOwnAddress = (address: string): boolean => interfaceOf(address) !== undefined

/**
 * Whether an address is this machine's on a bridge of its own containers or virtual machines (`docker0`, `br-…`,
 * `virbr0`): what listens there may trust whoever comes, as on loopback.
 */
export function isOwnBridge(address: string): boolean {
  const name = interfaceOf(address)
  return name !== undefined && isInnerBridge(join(INTERFACES, name))
}

const INTERFACES = '/sys/class/net'

/**
 * A bridge that leads out of the machine has a port that is a device, or stands on one (a bond, a VLAN); its address is
 * the machine's in that network.
 */
export function isInnerBridge(folder: string): boolean {
  const ports = join(folder, 'brif')
  return existsSync(ports) && !readdirSync(ports).some((port) => leadsOut(join(folder, '..', port)))
}

const leadsOut = (folder: string): boolean =>
  existsSync(folder) && readdirSync(folder).some((entry) => entry === 'device' || entry.startsWith('lower_'))

function interfaceOf(address: string): string | undefined {
  const plain = canonical(address)
  const all = Object.entries(networkInterfaces())
  const running = all.find(([, some]) => some?.some((one) => canonical(one.address) === plain))?.[0]
  return running ?? idleInterfaceOf(plain)
}

/**
 * A bridge without a running container is left out by `networkInterfaces`, and answers at its address all the same. The
 * kernel says which IPv4 addresses are local, and by its routes on which interface their network is.
 */
function idleInterfaceOf(address: string): string | undefined {
  if (isIP(address) !== 4 || !localIpv4(read('/proc/net/fib_trie')).has(address)) return undefined
  const wanted = numberOf(address.split('.').map(Number))
  const routes = read('/proc/net/route').split('\n').slice(1)
  const fitting = routes.flatMap((line) => {
    const [name = '', net = '', gateway, , , , , mask = ''] = line.split('\t')
    if (gateway !== '00000000' || mask === '00000000') return []
    const bits = fromKernel(mask)
    return (wanted & bits) >>> 0 === fromKernel(net) ? [{ name, bits }] : []
  })
  return fitting.sort((one, other) => other.bits - one.bits)[0]?.name
}

const localIpv4 = (trie: string): Set<string> =>
  new Set(Array.from(trie.matchAll(/\|-- (\S+)\n\s+\/32 host LOCAL/g), ([, address = '']) => address))

/** Hexadecimal, its last byte first on the machines that Node runs on. */
const fromKernel = (hex: string): number => numberOf([...Buffer.from(hex, 'hex')].reverse())

const numberOf = (bytes: number[]): number => bytes.reduce((sum, byte) => sum * 256 + byte, 0)

const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '')

/** One spelling an address: IPv4 without its IPv6 coat, IPv6 as the system writes it, without a zone. */
function canonical(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  const url = plain.includes(':') ? URL.parse(`http://[${plain}]`) : null
  return url ? url.hostname.slice(1, -1) : plain
}
