import { BlockList, isIP } from 'node:net'

/** Whether an address of a socket is one of those that are allowed; all are when nothing is said. */
export function isAllowed(from: string, allow: readonly string[] | undefined): boolean {
  if (!allow) return true
  const address = from.replace(/^::ffff:(?=\d+\.)/i, '')
  const family = familyOf(address)
  return family !== undefined && listOf(allow).check(address, family)
}

function listOf(allow: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of allow) {
    const [address = '', bits] = range.split('/')
    const family = familyOf(address)
    if (family === undefined) continue
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address)
  return version === 0 ? undefined : version === 4 ? 'ipv4' : 'ipv6'
}
