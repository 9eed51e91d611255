import { resolve } from 'node:path'
import type { Node, Service } from '#contracts/descriptors.ts'
import { parseService, readCatalog } from '#language'
import { compile } from '../compile.ts'
import type { Graph } from '../graph.ts'

export const catalog = readCatalog(resolve(import.meta.dirname, '../../../../catalog'))

export const nodeOf = (services: string[], configuration: Node['configuration'] = {}): Node => ({
  id: 'web',
  type: 'server',
  provider: { name: 'docker' },
  services: Object.fromEntries(services.map((id) => [id, '*'])),
  configuration,
  vars: {},
})

export const keys = [{ user: 'ann', key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1xann' }]
export const platformKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1xplatform'

/** The graph of a node of the real catalog. */
export const catalogGraph = (
  services: string[],
  configuration: Node['configuration'] = {},
  scope = {},
): Graph => compile({ node: nodeOf(services, configuration), catalog, scope, keys, platformKey })

/** A graph out of the resources of one service, without the base layer. */
export function graphOf(
  resources: string,
  files: Record<string, string> = {},
  scope = {},
  purge?: Node['purge'],
): Graph {
  const service = serviceOf('x', resources, files)
  const node = { ...nodeOf(['x']), ...(purge === undefined ? {} : { purge }) }
  return compile({ node, catalog: [service], scope, keys, platformKey })
}

export function serviceOf(id: string, text: string, templates: Record<string, string> = {}): Service {
  const files = Object.fromEntries(
    Object.entries(templates).map(([name, body]) => [`templates/${name}`, body]),
  )
  const { service, findings } = parseService(id, { 'service.yml': text, ...files })
  if (!service) throw new Error(findings.map(({ message, at }) => `${at} ${message}`).join('\n'))
  return service
}
