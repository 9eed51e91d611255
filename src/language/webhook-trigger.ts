import { isIP } from 'node:net'
import { type WebhookTrigger, webhookKinds } from '#contracts/descriptors.ts'
import { asList, type Found, field, isTree, refuseUnknownKeys, type Tree } from './fields.ts'
import type { At, Report } from './source.ts'
import { show, unknownName } from './text.ts'

const keys = new Set(['path', 'secret', 'kind', 'allow'])

export function readWebhook({ value, at }: Found, report: Report): WebhookTrigger | undefined {
  const tree = isTree(value) ? value : {}
  if (typeof value === 'string') report(at, `is the older spelling: write "path: ${value}"`, 'warning')
  refuseUnknownKeys(tree, keys, at, report)
  const path = pathOf(typeof value === 'string' ? value : isTree(value) ? value.path : value, at, report)
  const secret = secretOf(tree, at, report)
  const kind = kindOf(tree, at, report)
  const allow = allowOf(tree, at, report)
  if (path === undefined) return undefined
  return {
    path,
    ...(secret !== undefined && { secret }),
    ...(kind !== undefined && { kind }),
    ...(allow !== undefined && { allow }),
  }
}

function pathOf(path: unknown, at: At, report: Report): string | undefined {
  if (typeof path !== 'string' || path === '') report(at, `must be a map with a path, got ${show(path)}`)
  else if (
    path.length > 200 ||
    !/^[A-Za-z0-9_~-][A-Za-z0-9._~-]*(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$/.test(path)
  )
    report(at, `a path is made of letters, digits, ., _, ~ and -, with / only between, got ${show(path)}`)
  else return path
}

/** A secret that stands in a repository is none. What is written instead is not shown again. */
function secretOf(tree: Tree, at: At, report: Report): string | undefined {
  const found = field(tree, at, report, 'secret')
  if (!found) return undefined
  const { value } = found
  if (typeof value === 'string' && /^\{\{-?\s*secrets\.[A-Za-z_][A-Za-z0-9_]*\s*-?\}\}$/.test(value)) return value
  report(found.at, "must name a secret, as '{{ secrets.NAME }}', and not hold it")
}

function kindOf(tree: Tree, at: At, report: Report): WebhookTrigger['kind'] {
  const found = field(tree, at, report, 'kind')
  if (!found) return undefined
  const kind = webhookKinds.find((one) => one === found.value)
  if (kind === undefined) report(found.at, unknownName('kind of webhook', String(found.value), webhookKinds))
  else if (tree.secret === undefined || tree.secret === null)
    report(found.at, 'says how the secret is checked: name the secret too')
  return kind
}

function allowOf(tree: Tree, at: At, report: Report): string[] | undefined {
  const found = field(tree, at, report, 'allow')
  const list = asList(found, report)
  if (!found || !list) return undefined
  if (list.length === 0) report(found.at, 'allows nobody: leave it out, or name a network')
  const networks = list.filter((one, i): one is string => {
    if (isNetwork(one)) return true
    report([...found.at, i], `must be an address or a network such as 192.0.2.0/24, got ${show(one)}`)
    return false
  })
  return networks
}

function isNetwork(value: unknown): boolean {
  if (typeof value !== 'string') return false
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(value) ?? []
  const family = isIP(address)
  return family !== 0 && !address.includes('%') && (bits === undefined || Number(bits) <= (family === 4 ? 32 : 128))
}
