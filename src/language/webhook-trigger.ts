import { isIP } from 'node:net'
import { signatureTypes } from '#contracts/deliveries.ts'
import type { Webhook } from '#contracts/descriptors.ts'
import { asList, asText, type Found, field, isTree, refuseUnknownKeys, type Tree } from './fields.ts'
import { nearest } from './nearest.ts'
import type { At, Report } from './source.ts'
import { show, unknownName } from './text.ts'

const keys = new Set(['path', 'secret', 'type', 'allow'])
const pathPattern = /^[A-Za-z0-9_~-][A-Za-z0-9._~-]*(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$/
const LONGEST_PATH = 200

/** One item of `triggers.webhooks`; undefined when it has no path that could be used. */
export function readWebhook({ value, at }: Found, report: Report): Webhook | undefined {
  if (typeof value === 'string') {
    report(at, `is the older spelling: write "path: ${value}"`, 'warning')
    return isPath(value, value, at, report) ? { path: value } : undefined
  }
  const tree = isTree(value) ? value : {}
  refuseUnknownKeys(tree, keys, at, report)
  const { path } = tree
  if (!isPath(path, value, at, report)) return undefined
  return { path, ...readGuard(tree, at, report), ...readAllowed(tree, at, report) }
}

function isPath(path: unknown, value: unknown, at: At, report: Report): path is string {
  if (typeof path !== 'string' || path === '') report(at, `must be a map with a path, got ${show(value)}`)
  else if (path.length > LONGEST_PATH || !pathPattern.test(path))
    report(at, `a path is made of letters, digits, ., _, ~ and -, with / only between, got ${show(path)}`)
  else return true
  return false
}

function readGuard(tree: Tree, at: At, report: Report): Pick<Webhook, 'secret' | 'type'> {
  const secretFound = field(tree, at, report, 'secret')
  const typeFound = field(tree, at, report, 'type')
  const secret = asText(secretFound, report)
  const type = asText(typeFound, report)
  if (secretFound && secret !== undefined && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(secret))
    report(secretFound.at, 'is the name of a secret (devops secret set NAME), not the secret itself')
  const known = signatureTypes.find((each) => each === type)
  if (typeFound && type !== undefined && known === undefined)
    report(typeFound.at, unknownName('type', type, signatureTypes))
  if (secretFound && !typeFound)
    report(at, 'has a secret: say how deliveries are signed, type: github, gitlab or standard')
  if (typeFound && !secretFound)
    report(at, 'has a type and no secret: name one, set it with devops secret set NAME')
  return { ...(secret !== undefined && { secret }), ...(known && { type: known }) }
}

function readAllowed(tree: Tree, at: At, report: Report): Pick<Webhook, 'allow'> {
  const found = field(tree, at, report, 'allow')
  const list = asList(found, report)
  if (!found || !list) return {}
  if (list.length === 0) report(found.at, 'allows nobody: name addresses, or leave it out')
  const allow = list.filter((range, i): range is string => {
    if (typeof range === 'string' && isRange(range)) return true
    report([...found.at, i], `must be an address or a range such as 10.0.0.0/8, got ${show(range)}`)
    return false
  })
  return allow.length > 0 ? { allow } : {}
}

export function isRange(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

/** Whether the secret of a webhook is set; undefined: it is, or nobody knows. */
export function secretTrouble(
  { secret }: Webhook,
  secrets: ReadonlySet<string> | undefined,
): string | undefined {
  if (secret === undefined || !secrets || secrets.has(secret)) return undefined
  const near = nearest(secret, secrets)
  return near === undefined
    ? `unknown secret ${show(secret)}: set it first, with devops secret set ${secret}`
    : `unknown secret ${show(secret)}, did you mean ${show(near)}?`
}
