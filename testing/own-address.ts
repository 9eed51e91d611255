import { networkInterfaces } from 'node:os'

/** An address of this machine on a network, neither loopback nor link-local; throws when it has none. */
export function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((some) => some ?? [])
  const found = all.find(
    ({ address, family, internal }) => family === 'IPv4' && !internal && !address.startsWith('169.254.'),
  )
  if (!found) throw new Error('this machine has no address on a network')
  return found.address
}
