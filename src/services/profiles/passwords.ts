import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'

/** OWASP's figures for scrypt: 32 MiB, three passes. */
const DEFAULT_COST = { N: 2 ** 15, r: 8, p: 3 }
const LENGTH = 32

export type Cost = typeof DEFAULT_COST

/** `scrypt$N$r$p$salt$hash`: an older cost stays readable after it is raised. */
export async function hashPassword(password: string, cost: Cost = DEFAULT_COST): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(password, salt, cost)
  return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64'), hash.toString('base64')].join('$')
}

/** Takes as long for a user who is not there or has no password, so that names cannot be guessed by the clock. */
export async function verifyPassword(
  password: string,
  stored: string | null,
  cost: Cost = DEFAULT_COST,
): Promise<boolean> {
  if (stored === null) {
    await derive(password, Buffer.alloc(16), cost)
    return false
  }
  const [, N, r, p, salt, hash] = stored.split('$')
  const wanted = Buffer.from(hash ?? '', 'base64')
  const found = await derive(password, Buffer.from(salt ?? '', 'base64'), {
    N: Number(N),
    r: Number(r),
    p: Number(p),
  })
  return found.length === wanted.length && timingSafeEqual(found, wanted)
}

function derive(password: string, salt: Buffer, cost: Cost): Promise<Buffer> {
  const options: ScryptOptions = { ...cost, maxmem: 256 * cost.N * cost.r }
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, LENGTH, options, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })
}
