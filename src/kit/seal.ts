import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { findKeys, type Keys, makeKey } from './master-key.ts'
import { Problem } from './problem.ts'
import { Secret } from './secret.ts'

/** Text and context of the row of `checkSeal`. */
export const sealCheck = 'devo.ps'

/**
 * Envelope encryption, AES-256-GCM twice: each value has a data key of its own, which the master key wraps. `context`
 * says whose value it is and is bound to the text: a row that was moved elsewhere does not open.
 * Tables keep such texts in columns named `sealed`: there a change of the master key finds them.
 */
export interface Seal {
  seal(text: string, context: string): string
  /** Throws `internal` when the key is another, or the text was tampered with. */
  open(sealed: string, context: string): Secret
  /** The same value with its data key under the newest master key; undefined when it is so already. */
  renew(sealed: string, context: string): string | undefined
}

/** `v2.ID OF THE MASTER KEY.wrapped data key.value`; `v1.value`: under the master key itself, as it was sealed once. */
export function createSeal(keys: Keys): Seal {
  const [newest] = keys
  const byId = new Map(keys.map((key) => [idOf(key), key]))

  const sealWith = (dataKey: Buffer, body: string): string => {
    const wrapped = encrypt(newest, dataKey, 'data key')
    return ['v2', idOf(newest), wrapped, body].join('.')
  }
  const dataKeyOf = (id: string, wrapped: string): Buffer => {
    const key = byId.get(id)
    if (!key) throw new Error(`sealed under the master key ${id}`)
    return decrypt(key, wrapped, 'data key')
  }

  return {
    seal(text, context) {
      const dataKey = randomBytes(32)
      return sealWith(dataKey, encrypt(dataKey, Buffer.from(text), context))
    },
    open: (sealed, context) =>
      orRefuse(context, () => {
        const [version, id = '', ...rest] = sealed.split('.')
        if (version === 'v1') return openFormer(keys, [id, ...rest].join('.'), context)
        if (version !== 'v2') throw new Error(`sealed as ${version}`)
        const [wrapped, body] = [rest.slice(0, 3).join('.'), rest.slice(3).join('.')]
        return new Secret(decrypt(dataKeyOf(id, wrapped), body, context).toString('utf8'))
      }),
    renew(sealed, context) {
      const [version, id = '', ...rest] = sealed.split('.')
      if (version === 'v1') return this.seal(this.open(sealed, context).reveal(), context)
      if (id === idOf(newest)) return undefined
      return orRefuse(context, () =>
        sealWith(dataKeyOf(id, rest.slice(0, 3).join('.')), rest.slice(3).join('.')),
      )
    },
  }
}

/** The seal of this platform. Its key is read at the first use; made, if there is none, when the first value is sealed. */
export function openSeal(file: string, env: NodeJS.ProcessEnv = process.env): Seal {
  let opened: Seal | undefined
  const load = (whenGone: () => Keys): Seal => {
    opened ??= createSeal(findKeys(file, env) ?? whenGone())
    return opened
  }
  const gone = (): never => {
    throw new Problem('internal', {
      reason: `the master key ${file} is gone, and the store was sealed with it: put it back from your backup`,
    })
  }
  return {
    seal: (text, context) => load(() => [makeKey(file)]).seal(text, context),
    open: (sealed, context) => load(gone).open(sealed, context),
    renew: (sealed, context) => load(gone).renew(sealed, context),
  }
}

/** A row that tells at the start whether the key is the one of this store, before anything else is sealed. */
export async function checkSeal(
  seal: Seal,
  row: { find(): Promise<string | undefined>; save(sealed: string): Promise<unknown> },
): Promise<void> {
  const sealed = await row.find()
  if (sealed === undefined) await row.save(seal.seal(sealCheck, sealCheck))
  else seal.open(sealed, sealCheck)
}

const idOf = (key: Buffer): string => createHash('sha256').update('id').update(key).digest('hex').slice(0, 8)

function encrypt(key: Buffer, text: Buffer, context: string): string {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(context))
  const body = Buffer.concat([cipher.update(text), cipher.final()])
  return [iv, cipher.getAuthTag(), body].map((part) => part.toString('base64')).join('.')
}

function decrypt(key: Buffer, sealed: string, context: string): Buffer {
  const [iv, tag, body] = sealed.split('.').map((part) => Buffer.from(part, 'base64'))
  if (!iv || !tag || !body) throw new Error('parts are missing')
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: 16 })
  decipher.setAAD(Buffer.from(context)).setAuthTag(tag)
  return Buffer.concat([decipher.update(body), decipher.final()])
}

function openFormer(keys: Keys, body: string, context: string): Secret {
  const errors: unknown[] = []
  for (const key of keys)
    try {
      return new Secret(decrypt(key, body, context).toString('utf8'))
    } catch (error) {
      errors.push(error)
    }
  throw new AggregateError(errors)
}

function orRefuse<T>(context: string, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    const reason = `a sealed value (${context}) does not open: the master key is another, or the value was changed`
    throw new Problem('internal', { reason }, { cause })
  }
}
