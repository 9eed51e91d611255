/** The bytes of an OpenPGP key: out of its ASCII armor (RFC 9580 §6), or as they are. Throws when it is damaged. */
export function dearmor(key: string | Uint8Array): Buffer {
  const text = typeof key === 'string' ? key : Buffer.from(key).toString('latin1')
  const blocks = [
    ...text.matchAll(
      /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n([\s\S]*?)-----END PGP PUBLIC KEY BLOCK-----/g,
    ),
  ]
  if (blocks.length > 0) return Buffer.concat(blocks.map(([, inside = '']) => decode(inside)))
  const bytes = Buffer.from(key)
  // A packet of OpenPGP begins with its highest bit set.
  if (typeof key === 'string' || ((bytes[0] ?? 0) & 0x80) === 0)
    throw new Error('is no public key of OpenPGP')
  return bytes
}

function decode(inside: string): Buffer {
  const lines = inside.split(/\r?\n/)
  const body = lines.slice(lines.findIndex((line) => line.trim() === '') + 1).map((line) => line.trim())
  const sum = body.find((line) => /^=[A-Za-z0-9+/]{4}$/.test(line))
  const bytes = Buffer.from(body.filter((line) => line && line !== sum).join(''), 'base64')
  if (bytes.length === 0) throw new Error('is an empty key')
  if (sum && Buffer.from(sum.slice(1), 'base64').readUIntBE(0, 3) !== crc24(bytes))
    throw new Error('is damaged: its checksum does not fit')
  return bytes
}

function crc24(bytes: Uint8Array): number {
  let crc = 0xb704ce
  for (const byte of bytes) {
    crc ^= byte << 16
    for (let bit = 0; bit < 8; bit++) {
      crc <<= 1
      if (crc & 0x1000000) crc ^= 0x1864cfb
    }
  }
  return crc & 0xffffff
}
