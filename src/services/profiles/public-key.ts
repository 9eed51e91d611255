import { createHash, createPublicKey } from 'node:crypto'
import { Problem } from '#kit/problem.ts'

export interface PublicKey {
  /** `TYPE BASE64`, without comment. */
  line: string
  /** `SHA256:…` as ssh-keygen prints it. */
  fingerprint: string
  comment: string
}

const CURVES: Record<string, { jwk: string; bytes: number }> = {
  nistp256: { jwk: 'P-256', bytes: 32 },
  nistp384: { jwk: 'P-384', bytes: 48 },
  nistp521: { jwk: 'P-521', bytes: 66 },
}

/** What follows the type's name inside the blob (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4, PROTOCOL.u2f). */
const KINDS: Record<string, (blob: BlobReader) => void> = {
  'ssh-ed25519': readEd25519,
  'ssh-rsa': readRsa,
  'ecdsa-sha2-nistp256': (blob) => readEcdsa(blob, 'nistp256'),
  'ecdsa-sha2-nistp384': (blob) => readEcdsa(blob, 'nistp384'),
  'ecdsa-sha2-nistp521': (blob) => readEcdsa(blob, 'nistp521'),
  'sk-ssh-ed25519@openssh.com': (blob) => {
    readEd25519(blob)
    blob.string()
  },
  'sk-ecdsa-sha2-nistp256@openssh.com': (blob) => {
    readEcdsa(blob, 'nistp256')
    blob.string()
  },
}

/**
 * One line of an OpenSSH public key file, read strictly: what is stored here ends up in `authorized_keys` of nodes.
 * Throws `invalid`.
 */
export function parsePublicKey(text: string): PublicKey {
  const line = text.trim()
  if (/PRIVATE KEY|^PuTTY-User-Key-File/.test(line))
    throw refuse(
      'this is a private key. Never give it to anybody; send the public half, the line of the file that ends in `.pub`',
    )
  if (/[\r\n\0]/.test(line)) throw refuse('a public key is one line; send one key at a time')
  const [type = '', base64 = '', ...rest] = line.split(/[ \t]+/)
  const read = Object.hasOwn(KINDS, type) ? KINDS[type] : undefined
  if (!read) throw refuse(reasonForType(type))
  const blob = Buffer.from(base64, 'base64')
  if (base64 === '' || blob.toString('base64') !== base64)
    throw refuse('the middle part of the key is not base64; copy the whole line of the `.pub` file')
  const reader = new BlobReader(blob)
  if (reader.string().toString('latin1') !== type)
    throw refuse(`the key says ${type} but holds a key of another type`)
  read(reader)
  reader.end()
  return { line: `${type} ${base64}`, fingerprint: fingerprintOf(blob), comment: rest.join(' ') }
}

const fingerprintOf = (blob: Buffer): string =>
  `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`

const refuse = (reason: string): Problem => new Problem('invalid', { reason })

function reasonForType(type: string): string {
  if (type === 'ssh-dss') return 'DSA keys are broken; make another with `ssh-keygen -t ed25519`'
  return 'an SSH public key begins with `ssh-ed25519`, `ssh-rsa`, `ecdsa-sha2-…` or `sk-…`; send the line of the `.pub` file'
}

function readEd25519(blob: BlobReader): void {
  if (blob.string().length !== 32) throw refuse('an ed25519 key has 32 bytes; this one has not')
}

function readRsa(blob: BlobReader): void {
  const exponent = blob.number()
  const bits = blob.number().toString(2).length
  if (exponent < 3n || exponent % 2n === 0n) throw refuse('the exponent of this RSA key is not one of RSA')
  if (bits < 2048) throw refuse(`an RSA key needs at least 2048 bits; this one has ${bits}`)
  if (bits > 16_384) throw refuse(`an RSA key may have at most 16384 bits; this one has ${bits}`)
}

function readEcdsa(blob: BlobReader, name: string): void {
  const curve = CURVES[name]
  const said = blob.string().toString('latin1')
  const point = blob.string()
  if (!curve || said !== name) throw refuse(`the key says curve ${name} but holds another`)
  if (point[0] !== 4 || point.length !== 1 + 2 * curve.bytes)
    throw refuse('the point of this ECDSA key has a wrong length')
  const x = point.subarray(1, 1 + curve.bytes).toString('base64url')
  const y = point.subarray(1 + curve.bytes).toString('base64url')
  try {
    createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: curve.jwk, x, y } })
  } catch (cause) {
    throw new Problem('invalid', { reason: 'the point of this ECDSA key is not on its curve' }, { cause })
  }
}

/** SSH wire format (RFC 4251 §5). */
class BlobReader {
  #rest: Buffer
  constructor(blob: Buffer) {
    this.#rest = blob
  }
  string(): Buffer {
    const length = this.#rest.length >= 4 ? this.#rest.readUInt32BE(0) : Number.POSITIVE_INFINITY
    if (this.#rest.length < 4 + length) throw refuse('the key ends too early; copy the whole line')
    const value = this.#rest.subarray(4, 4 + length)
    this.#rest = this.#rest.subarray(4 + length)
    return value
  }
  number(): bigint {
    const bytes = this.string()
    if (bytes.length === 0 || (bytes[0] ?? 0) > 127) throw refuse('a number in this key is not positive')
    return BigInt(`0x${bytes.toString('hex')}`)
  }
  end(): void {
    if (this.#rest.length > 0) throw refuse('there is something behind the end of the key')
  }
}
