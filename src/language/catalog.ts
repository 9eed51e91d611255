import { type Dirent, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding, Service } from '#contracts/descriptors.ts'
import { Problem } from '#kit/problem.ts'
import { isBinary, parseService } from './service.ts'
import { serviceCycles, unknownRequirements } from './service-graph.ts'
import { compare, formatFindings } from './text.ts'

/** Every service of a catalog folder (`ID/service.yml`, `ID/templates/*`), by id. Throws `invalid` with all findings. */
export function readCatalog(folder: string): Service[] {
  const findings: Finding[] = []
  const services: Service[] = []
  for (const id of folderNames(folder)) {
    const parsed = parseService(id, readFiles(join(folder, id)), `catalog/${id}`)
    findings.push(...parsed.findings)
    if (parsed.service) services.push(parsed.service)
  }
  const byId = new Map(services.map((service) => [service.id, service]))
  const errors = findings.filter((finding) => finding.severity === 'error')
  const lines = [...formatFindings(errors), ...(errors.length > 0 ? [] : graphTroubles(services, byId))]
  if (lines.length > 0)
    throw new Problem('invalid', { reason: `the catalog is broken:\n${lines.join('\n')}`, findings })
  return services
}

function graphTroubles(services: readonly Service[], byId: ReadonlyMap<string, Service>): string[] {
  const unknown = services.flatMap((service) =>
    unknownRequirements(service, byId).map(
      ({ message }) => `catalog/${service.id}/service.yml requires: ${message}`,
    ),
  )
  return [
    ...unknown,
    ...serviceCycles(byId).map(
      (cycle) => `catalog/${cycle[0]}/service.yml requires: goes in a circle, ${cycle.join(' -> ')}`,
    ),
  ]
}

const folderNames = (folder: string): string[] =>
  entries(folder)
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort(compare)

const entries = (folder: string): Dirent[] => readdirSync(folder, { withFileTypes: true })

/** What a service is read from; other files of the folder (cases, notes) are not. */
function readFiles(folder: string): Record<string, string> {
  const files: Record<string, string> = {}
  for (const entry of entries(folder)) {
    if (entry.isFile() && /^service\.(ya?ml|json)$/.test(entry.name))
      files[entry.name] = readFileSync(join(folder, entry.name), 'utf8')
    if (entry.isDirectory() && ['templates', 'files'].includes(entry.name))
      readFolder(join(folder, entry.name), entry.name, files)
  }
  return files
}

function readFolder(folder: string, prefix: string, files: Record<string, string>): void {
  for (const entry of entries(folder)) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) readFolder(path, `${prefix}/${entry.name}`, files)
    else files[`${prefix}/${entry.name}`] = readFileSync(path, isBinary(`${prefix}/x`) ? 'base64' : 'utf8')
  }
}
