import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { Problem } from '#kit/problem.ts'
import { Secret } from '#kit/secret.ts'
import type { Store } from '#store'
import type { Tables } from './tables.ts'

const KEY_BYTES = 32
const VERSION = 'v1'
const CHECK = 'devo.ps'

/** AES-256-GCM under the master key. `context` is bound to the text: a row that was moved elsewhere does not open. */
export interface Seal {
  seal(text: string, context: string): string
  /** Throws `internal` when the key is another, or the text was tampered with. */
  open(sealed: string, context: string): Secret
}

export function createSeal(key: Buffer): Seal {
  return {
    seal(text, context) {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(context))
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return [VERSION, iv, cipher.getAuthTag(), sealed]
        .map((part) => (typeof part === 'string' ? part : part.toString('base64')))
        .join('.')
    },
    open(sealed, context) {
      const [version, ...parts] = sealed.split('.')
      const [iv, tag, body] = parts.map((part) => Buffer.from(part, 'base64'))
      try {
        if (version !== VERSION || !iv || !tag || !body) throw new Error(`not sealed as ${VERSION}`)
        const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: 16 })
        decipher.setAAD(Buffer.from(context)).setAuthTag(tag)
        return new Secret(Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8'))
      } catch (cause) {
        const reason = `a sealed value (${context}) does not open: the master key is another, or the value was changed`
        throw new Problem('internal', { reason }, { cause })
      }
    },
  }
}

/**
 * The seal of this platform. The key comes from DEVOPS_MASTER_KEY (32 bytes in base64) or from `file`, which is made
 * at the first start. A store that was sealed before never gets a new key: what it holds would be lost unseen.
 */
export async function openSeal(
  store: Store<Tables>,
  file: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Seal> {
  const row = await store.db.selectFrom('registry_seal').select('sealed').executeTakeFirst()
  const seal = createSeal(findKey(file, env.DEVOPS_MASTER_KEY, row === undefined))
  if (row) seal.open(row.sealed, CHECK)
  else
    await store.transaction(async (tx) => {
      await tx.db
        .insertInto('registry_seal')
        .values({ id: 1, sealed: seal.seal(CHECK, CHECK) })
        .execute()
    })
  return seal
}

function findKey(file: string, given: string | undefined, first: boolean): Buffer {
  if (given !== undefined) return decode(given, 'DEVOPS_MASTER_KEY')
  if (existsSync(file)) return readKey(file)
  if (!first)
    throw new Problem('internal', {
      reason: `the master key ${file} is gone, and the store was sealed with it: put it back from your backup`,
    })
  return makeKey(file)
}

function readKey(file: string): Buffer {
  const handle = openSync(file, 'r')
  try {
    const mode = fstatSync(handle).mode & 0o777
    if ((mode & 0o077) !== 0)
      throw new Problem('internal', {
        reason: `the master key ${file} can be read by others (mode ${mode.toString(8)}): run \`chmod 600 ${file}\``,
      })
    return decode(readFileSync(handle, 'utf8'), file)
  } finally {
    closeSync(handle)
  }
}

function makeKey(file: string): Buffer {
  const key = randomBytes(KEY_BYTES)
  const handle = openSync(file, 'wx', 0o600)
  try {
    writeSync(handle, `${key.toString('base64')}\n`)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  return key
}

function decode(text: string, where: string): Buffer {
  const key = Buffer.from(text.trim(), 'base64')
  if (key.length !== KEY_BYTES)
    throw new Problem('internal', {
      reason: `the master key in ${where} must be ${KEY_BYTES} bytes in base64: \`openssl rand -base64 32\``,
    })
  return key
}
