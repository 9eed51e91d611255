import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { SignatureType } from '#contracts/deliveries.ts'

export interface Signed {
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>
  body: Buffer
}

/** A signed moment may be so far from ours, in milliseconds (Standard Webhooks recommends five minutes). */
const TOLERANCE = 5 * 60_000

/** Why a delivery is not from somebody who knows the secret; undefined when it is. */
export function signatureTrouble(
  type: SignatureType,
  secret: string,
  signed: Signed,
  now: number,
): string | undefined {
  return troubles[type](secret, signed, now)
}

const troubles: Record<SignatureType, typeof githubTrouble> = {
  github: githubTrouble,
  gitlab: gitlabTrouble,
  standard: standardTrouble,
}

/** HMAC of the body alone: `X-Hub-Signature-256: sha256=…`. */
function githubTrouble(secret: string, { headers, body }: Signed, _now: number): string | undefined {
  const given = headers['x-hub-signature-256']
  if (given === undefined) return 'it has no X-Hub-Signature-256'
  const wanted = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
  // Hexadecimal digits have no case.
  return isSame(given.toLowerCase(), wanted)
    ? undefined
    : 'its X-Hub-Signature-256 does not fit secret and body'
}

/** The secret itself: `X-Gitlab-Token`. */
function gitlabTrouble(secret: string, { headers }: Signed): string | undefined {
  const given = headers['x-gitlab-token']
  if (given === undefined) return 'it has no X-Gitlab-Token'
  return isSame(given, secret) ? undefined : 'its X-Gitlab-Token is not the secret'
}

/** HMAC of id, moment and body: `webhook-signature: v1,… v1,…`, one for each secret that the sender knows. */
function standardTrouble(secret: string, { headers, body }: Signed, now: number): string | undefined {
  const id = headers['webhook-id']
  const moment = headers['webhook-timestamp'] ?? ''
  const given = headers['webhook-signature']
  if (!id) return 'it has no webhook-id'
  if (!/^\d{1,12}$/.test(moment)) return 'it has no webhook-timestamp in seconds'
  if (given === undefined) return 'it has no webhook-signature'
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  if (key.length === 0) return 'the secret is not base64, as Standard Webhooks wants it'
  const wanted = createHmac('sha256', key).update(`${id}.${moment}.`).update(body).digest('base64')
  // Each is compared, also after one has fitted: the time tells nothing.
  const fits = given.split(' ').filter((each) => isSame(each, `v1,${wanted}`)).length > 0
  if (!fits) return 'its webhook-signature does not fit secret, id, moment and body'
  if (Math.abs(now - Number(moment) * 1000) > TOLERANCE)
    return 'its webhook-timestamp is more than 5 minutes from now'
}

/** In a time that does not depend on where they differ, nor on their lengths. */
export function isSame(given: string, wanted: string): boolean {
  const [a, b] = [given, wanted].map((text) => createHash('sha256').update(text).digest())
  return a !== undefined && b !== undefined && timingSafeEqual(a, b)
}

/** By which header a sender says that it is the same delivery again. */
const keyHeaders = ['webhook-id', 'x-github-delivery', 'idempotency-key', 'x-gitlab-event-uuid']
const LONGEST_KEY = 200

/** The sender's own id of a delivery. A header of another kind of sender than the signature's is not looked at. */
export function keyOf(type: SignatureType | undefined, headers: Signed['headers']): string | null {
  const names = type === undefined ? keyHeaders : keyHeaders.filter((name) => kindOf(name) === type)
  for (const name of names) {
    const value = headers[name]
    if (value) return value.slice(0, LONGEST_KEY)
  }
  return null
}

const kindOf = (name: string): SignatureType =>
  name === 'webhook-id' ? 'standard' : name === 'x-github-delivery' ? 'github' : 'gitlab'

/** Headers that prove who sends: no run, table or answer shows them. */
const credential = /authorization|cookie|signature|token|secret|api-?key|password/

export const withoutCredentials = (headers: Signed['headers']): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !credential.test(name)))
