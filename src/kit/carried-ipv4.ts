import { isIP } from 'node:net'

/**
 * IPv4 addresses that an IPv6 address leads to by translation or a tunnel: NAT64 (RFC 6052), 6to4 (RFC 3056),
 * Teredo (RFC 4380), ISATAP (RFC 5214).
 */
export function carriedIpv4(address: string): string[] {
  const groups = groupsOf(address)
  if (!groups) return []
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups
  const found: [number, number][] = []
  if (a === 0x64 && b === 0xff9b && c === 0 && d === 0 && e === 0 && f === 0) found.push([g, h])
  if (a === 0x2002) found.push([b, c])
  if (a === 0x2001 && b === 0) found.push([c, d], [g ^ 0xffff, h ^ 0xffff])
  if ((e === 0 || e === 0x200) && f === 0x5efe) found.push([g, h])
  return found.map(dotted)
}

const high = (group: number): number => group >> 8
const low = (group: number): number => group & 0xff

const dotted = ([one, two]: [number, number]): string => [high(one), low(one), high(two), low(two)].join('.')

/** The eight groups of an IPv6 address, however it is spelled. */
function groupsOf(address: string): number[] | undefined {
  const plain = address.replace(/%.*$/, '')
  if (isIP(plain) !== 6) return undefined
  const spelled = URL.parse(`http://[${plain}]`)?.hostname.slice(1, -1) ?? plain
  const [left = '', right] = spelled.split('::')
  const [before, after] = [left, right ?? ''].map((part) => (part === '' ? [] : part.split(':'))) as [
    string[],
    string[],
  ]
  const zeros = right === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...Array<string>(zeros).fill('0'), ...after].map((group) => Number.parseInt(group, 16))
}
