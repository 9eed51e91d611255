import { createHash } from 'node:crypto'
import type { Algorithms } from 'ssh2'

/**
 * No SHA-1, no CBC, no ChaCha20 (weak to Terrapin, CVE-2023-48795, where the server lacks strict key exchange).
 * GCM first: node's crypto does it in hardware.
 */
export const algorithms: Algorithms = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
    'diffie-hellman-group14-sha256',
  ],
  serverHostKey: [
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521',
    'rsa-sha2-512',
    'rsa-sha2-256',
  ],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes192-ctr', 'aes256-ctr'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  compress: ['none'],
}

/** `SHA256:…` of a public key in wire format, as ssh-keygen prints it. */
export const fingerprint = (key: Uint8Array): string =>
  `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`

/** Fingerprint of a line `ssh-ed25519 AAAA… comment`; undefined when it is none. */
export function fingerprintOfLine(line: string): string | undefined {
  const [type, body] = line.trim().split(/\s+/)
  return type && body && /^(ssh|ecdsa)-/.test(type) ? fingerprint(Buffer.from(body, 'base64')) : undefined
}
