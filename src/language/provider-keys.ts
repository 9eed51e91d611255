import { type Tree, textMessage } from './fields.ts'
import { nearest } from './nearest.ts'
import type { At, Report } from './source.ts'
import { show, unknownName } from './text.ts'

/** Of any provider. */
export const placeKeys = ['size', 'location', 'image'] as const

/** What a key of a provider takes. `like` says it in a sentence of a person: must be … */
interface Key {
  /** `id`: text or a whole number, as any provider takes it for size, location and image. */
  type: 'id' | 'text' | 'number' | 'list'
  allowed?: readonly string[]
  /** Of the text, or of each of the list. */
  pattern?: RegExp
  like?: string
  minimum?: number
}

/**
 * Keys that a provider has beside its name: what it cannot take is told with its place at push time, before any server is
 * asked for. A provider that does not stand here may have any.
 */
export const providerKeysOf: Readonly<Record<string, Readonly<Record<string, Key>>>> = {
  docker: {
    size: { type: 'id', allowed: ['small', 'medium', 'large'] },
    location: { type: 'id', allowed: ['local'] },
    image: { type: 'id', pattern: /^[A-Za-z0-9][\w.\-/:@]*$/, like: 'the name of an image' },
    memory: { type: 'number', minimum: 6 },
    cpus: { type: 'number', minimum: 0.01 },
    volumes: {
      type: 'list',
      pattern: /^[A-Za-z0-9][A-Za-z0-9_.-]*:\/[^:,]*$/,
      like: 'NAME:/path; folders of the host cannot be mounted',
    },
    network: {
      type: 'text',
      pattern: /^(?!(?:host|none)$)[A-Za-z0-9][A-Za-z0-9_.-]*$/,
      like: 'the name of a network of the engine, not host or none',
    },
    ports: {
      type: 'list',
      pattern: /^(?:\d+\.\d+\.\d+\.\d+:)?\d*:\d+(?:\/(?:tcp|udp))?$/,
      like: 'HOST:CONTAINER, like 8080:80',
    },
    restart: { type: 'text', allowed: ['unless-stopped', 'always', 'no'] },
  },
  ssh: {
    jump: { type: 'text', like: 'a node, or USER@HOST[:PORT]' },
  },
}

/** Keys that people look for at `ssh`: the machine is named when it is linked. */
const linked = new Set(['host', 'port', 'user', 'address', 'ip', 'password', 'private_key', 'identity'])

const common = ['name', 'type', 'credential']

export function checkProviderKeys(provider: string, written: Tree, at: At, report: Report): void {
  const known = Object.hasOwn(providerKeysOf, provider) ? providerKeysOf[provider] : undefined
  if (!known) {
    checkNearMisses(written, at, report)
    return
  }
  for (const [written_as, value] of Object.entries(written)) {
    const name = written_as === 'region' ? 'location' : written_as
    if (value === null || common.includes(name)) continue
    const key = Object.hasOwn(known, name) ? known[name] : undefined
    const here = [...at, written_as]
    if (key) checkKey(key, value, here, report)
    else if (provider === 'ssh' && linked.has(name))
      report(here, 'is not written down: the machine is named once, by devops link')
    else report(here, unknownName('key', name, [...common, ...Object.keys(known)]))
  }
}

/** A provider may know keys of its own; one that is nearly one of ours is a slip all the same. */
function checkNearMisses(written: Tree, at: At, report: Report): void {
  for (const key of Object.keys(written)) {
    if (key === 'region' || common.includes(key) || (placeKeys as readonly string[]).includes(key)) continue
    const meant = nearest(key, ['name', 'region', 'credential', ...placeKeys])
    if (meant !== undefined && key.length > 3)
      report([...at, key], `unknown key ${show(key)}, did you mean ${show(meant)}?`)
  }
}

function checkKey(key: Key, value: unknown, at: At, report: Report): void {
  if (key.type === 'list') checkList(key, value, at, report)
  else if (key.type === 'number') checkNumber(key, value, at, report)
  else if (key.type === 'text' && typeof value !== 'string' && !key.allowed) report(at, textMessage(value))
  // Of an id of another type it is said already.
  else if (key.type === 'text' || typeof value !== 'object') checkText(key, value, at, report)
}

function checkText({ allowed, pattern, like }: Key, value: unknown, at: At, report: Report): void {
  if (allowed && !allowed.some((one) => one === value))
    report(at, `must be one of ${allowed.join(', ')}, got ${show(value)}`)
  if (pattern && !pattern.test(String(value))) report(at, `must be ${like}, got ${show(value)}`)
}

function checkList({ pattern, like }: Key, value: unknown, at: At, report: Report): void {
  if (!Array.isArray(value)) report(at, `must be a list, got ${show(value)}`)
  else
    value.forEach((item, i) => {
      if (typeof item !== 'string' || pattern?.test(item) === false)
        report([...at, i], `must be ${like}, got ${show(item)}`)
    })
}

function checkNumber({ minimum = 0 }: Key, value: unknown, at: At, report: Report): void {
  if (typeof value !== 'number') report(at, `must be a number, got ${show(value)}`)
  else if (value < minimum) report(at, `must be at least ${minimum}, got ${value}`)
}
