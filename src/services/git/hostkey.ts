import { readFile, rename, writeFile } from 'node:fs/promises'
import ssh2 from 'ssh2'
import { fingerprint } from '#kit/ssh-algorithms.ts'
import { newKeyPair } from '#kit/ssh-key.ts'

/** The SSH host key: ed25519, made at the first start and kept, so that clients can pin it. */
export async function openHostKey(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const { private: key, public: line } = newKeyPair('devo.ps')
  await writeFile(`${path}.pub`, `${line}\n`)
  await writeFile(`${path}.new`, key, { mode: 0o600, flush: true })
  await rename(`${path}.new`, path)
  return key
}

/** `SHA256:…`, as `ssh` shows it at the first contact. Throws when the key cannot be read. */
export function fingerprintOfKey(privateKey: string): string {
  const key = ssh2.utils.parseKey(privateKey)
  if (key instanceof Error) throw key
  return fingerprint(key.getPublicSSH())
}
