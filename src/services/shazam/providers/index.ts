import { createHash } from 'node:crypto'
import type { Input } from '#contracts'
import type { CredentialFields } from '#contracts/credentials.ts'
import type { Node } from '#contracts/descriptors.ts'
import type { RepoId } from '#contracts/ids.ts'
import { Problem } from '#kit/problem.ts'

export type Descriptor = Node['provider']

export interface Wish {
  repo: RepoId
  node: string
  descriptor: Descriptor
  /** One OpenSSH line: the key by which the platform will enter as `devops`. */
  publicKey: string
  /** Names this creation, so that one whose reply was lost is found again. */
  token: string
}

/** A server that is there and can be entered, or soon will be. */
export interface Made {
  id: string
  host: string
  port: number
  user: string
  /** `SHA256:…`, when the provider can tell them; else the first contact does. */
  hostKeys: string[]
}

export interface Offer {
  id: string
  description: string
}

/** Something that makes and destroys servers. Throws `provider` with a `kind`, see `refusal`. */
export interface Provider {
  readonly name: string
  /** Never makes a second server for the same token: what is there already is returned, started when it was off. */
  create(wish: Wish): Promise<Made>
  /** The server of this token as it is now (its address may have moved); undefined when there is none. */
  find(wish: Pick<Wish, 'repo' | 'node' | 'token'>): Promise<Made | undefined>
  /** One that is gone already is no error. `data`: what outlives the server (volumes) is kept, or goes too. */
  destroy(server: { repo: RepoId; node: string; id: string }, data: 'keep' | 'remove'): Promise<void>
  /** Throws `final` when a descriptor asks for what there is not, as far as that can be told without asking anybody. */
  check(descriptor: Descriptor): void
  /** Whether a server made from the one can be brought to the other where it is. Pure. */
  canResize(from: Descriptor, to: Descriptor): boolean
  /** Brings the server of this token to a descriptor that `canResize` allows; it keeps its id, data and token. */
  resize(wish: Wish): Promise<Made>
  /** Resolves when it is done; to start what runs, or to stop what is stopped, is no error. */
  power(server: Pick<Wish, 'repo' | 'node' | 'token'>, act: Power): Promise<void>
  /** Absent: takes no credential. */
  readonly credential?: {
    /** Asks the provider; gives what it says of itself. Throws `invalid`, `provider`. */
    check(fields: CredentialFields): Promise<string>
    /** The same provider, opened by a credential. */
    open(fields: CredentialFields): Provider
  }
  sizes(): Promise<Offer[]>
  locations(): Promise<Offer[]>
  images(): Promise<Offer[]>
}

export type Power = Input<'shazam.power'>['act']

/** `retry`: may pass by itself. `quota`, `credentials`, `final`: a person has to act first. */
export type RefusalKind = 'retry' | 'quota' | 'credentials' | 'final'

export const refusal = (provider: string, kind: RefusalKind, reason: string, cause?: unknown): Problem =>
  new Problem('provider', { provider, reason, kind }, { cause })

/** The same descriptor has the same token: an interrupted creation is taken up, a changed wish starts anew. */
export const tokenOf = (repo: RepoId, node: string, descriptor: Descriptor): string =>
  createHash('sha256')
    .update(`${repo}/${node} ${canonical(descriptor)}`)
    .digest('hex')
    .slice(0, 32)

/** JSON with sorted keys: two descriptors that say the same are the same text. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`
}
