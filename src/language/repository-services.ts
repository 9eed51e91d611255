import type { Finding, Service } from '#contracts/descriptors.ts'
import type { Bounds } from './bounds.ts'
import type { File } from './repository.ts'
import { isBinary, parseService } from './service.ts'
import { type Services, serviceCycles, unknownRequirements } from './service-graph.ts'
import type { Document } from './source.ts'
import { tooBig } from './source-limits.ts'
import { show } from './text.ts'

export interface OwnService {
  service: Service
  /** Its service.yml as it is written. */
  document: Document
}

export interface OwnServices {
  services: Service[]
  documents: OwnService[]
  /** Where its service.yml is. */
  paths: Map<string, string>
  /** Those that are refused themselves: whoever names one has done nothing wrong. */
  broken: Set<string>
}

/** The services that a repository brings in `services/ID/`. `accepted`: see CheckOptions. */
export function readRepositoryServices(
  files: readonly File[],
  catalog: readonly Service[],
  findings: Finding[],
  accepted: boolean,
  bounds: Bounds,
): OwnServices {
  const taken = new Set(catalog.map((service) => service.id))
  const own: OwnServices = { services: [], documents: [], paths: new Map(), broken: new Set() }
  for (const [id, folder] of foldersOf(files, findings)) {
    const parsed = parseService(id, folder, `services/${id}`, accepted, bounds)
    findings.push(...parsed.findings)
    const path = `services/${id}/${Object.keys(folder).find((name) => name.startsWith('service.')) ?? 'service.yml'}`
    if (taken.has(id))
      fail(findings, path, `service ${show(id)} is in the catalog already: choose another name`)
    else if (parsed.service) {
      own.services.push(parsed.service)
      if (parsed.document) own.documents.push({ service: parsed.service, document: parsed.document })
      own.paths.set(id, path)
    } else own.broken.add(id)
  }
  return own
}

function foldersOf(files: readonly File[], findings: Finding[]): Map<string, Record<string, string>> {
  const folders = new Map<string, Record<string, string>>()
  for (const { path, content } of files) {
    const [, id, name] =
      /^services\/([^/]+)\/(service\.(?:ya?ml|json)|templates\/.+|files\/.+)$/s.exec(path) ?? []
    if (id === undefined || name === undefined) continue
    const trouble = isBinary(path) ? undefined : tooBig(content)
    if (trouble) fail(findings, path, trouble.message)
    const folder = folders.get(id) ?? Object.create(null)
    folder[name] = trouble ? '' : content
    folders.set(id, folder)
  }
  return folders
}

export function checkRepositoryServices(own: OwnServices, services: Services, findings: Finding[]): void {
  for (const service of own.services)
    for (const { index, message } of unknownRequirements(service, services))
      fail(findings, own.paths.get(service.id) ?? '', message, `requires.${index}`)
  for (const cycle of serviceCycles(services)) {
    const id = cycle.find((each) => own.paths.has(each)) ?? ''
    fail(findings, own.paths.get(id) ?? '', `services require one another: ${cycle.join(' -> ')}`, 'requires')
  }
}

function fail(findings: Finding[], path: string, message: string, at = ''): void {
  findings.push({ severity: 'error', path, line: 1, column: 1, at, message })
}
