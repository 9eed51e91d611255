import { type Finding, type Option, optionTypes, Service } from '#contracts/descriptors.ts'
import { namePattern } from '#contracts/ids.ts'
import { Bounds } from './bounds.ts'
import { asTree, field, isTree, refuseUnknownKeys, type Tree } from './fields.ts'
import { checkOption, isTemplated } from './options.ts'
import { compile } from './pattern.ts'
import { checkRuleShapes } from './rules.ts'
import { checkServiceHandlers, checkServiceItems } from './service-items.ts'
import { shapeTroubles } from './shape.ts'
import { type At, type Document, type Report, readDocuments } from './source.ts'
import { addressUses, faultOf } from './templates.ts'
import { show, sortFindings, unknownName } from './text.ts'

/**
 * A service out of its files: `service.yml`, `templates/NAME` and `files/NAME` (in base64), paths inside of its folder.
 * `folder` is how findings
 * name the place. There is a service only when there is no error.
 */
export function parseService(
  id: string,
  files: Record<string, string>,
  folder = `services/${id}`,
  /** See CheckOptions: what its resources say is not judged again. */
  accepted = false,
  bounds = new Bounds(),
): { service?: Service; document?: Document; findings: Finding[] } {
  const findings: Finding[] = []
  const found = ['service.yml', 'service.yaml', 'service.json'].find((name) => Object.hasOwn(files, name))
  const path = `${folder}/${found ?? 'service.yml'}`
  const fail = (message: string) =>
    findings.push({ severity: 'error', path, line: 1, column: 1, at: '', message })
  const templates = below('templates/', files)
  const own = below('files/', files)
  checkTemplateFiles(templates, folder, findings)
  if (!namePattern.test(id))
    fail(`a service is named with letters, digits, - and _, at most 63, got ${show(id)}`)
  if (found === undefined) fail('is missing')
  const [document, ...more] =
    found === undefined ? [] : readDocuments(path, files[found] ?? '', findings, bounds)
  if (found !== undefined && !document && findings.length === 0 && !bounds.excess()) fail('is empty')
  for (const other of more) other.report([], 'a service has one document')
  const contents = { templates, files: own }
  const service = document && readService(id, document.value, contents, document.report, accepted)
  const hasError = findings.some((finding) => finding.severity === 'error')
  return {
    ...(service && !hasError && { service }),
    ...(document && { document }),
    findings: sortFindings(findings),
  }
}

/** Folders whose files may hold any bytes: they travel in base64. */
export const isBinary = (path: string): boolean => /^(services\/[^/]+\/)?files\/./.test(path)

function below(folder: string, files: Record<string, string>): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [path, content] of Object.entries(files))
    if (path.startsWith(folder)) found[path.slice(folder.length)] = content
  return found
}

function checkTemplateFiles(templates: Record<string, string>, folder: string, findings: Finding[]): void {
  for (const [name, text] of Object.entries(templates)) {
    const path = `${folder}/templates/${name}`
    const fault = templateFault(text)
    if (fault)
      findings.push({
        severity: 'error',
        path,
        line: fault.line,
        column: fault.column,
        at: '',
        message: fault.message,
      })
  }
}

function templateFault(text: string) {
  try {
    addressUses(text)
  } catch (error) {
    return faultOf(error)
  }
}

const keys = new Set(Object.keys(Service.properties).filter((key) => key !== 'templates' && key !== 'files'))
const optionKeys = new Set(
  'type description default required minimum maximum allowed pattern keys options items removed secret generate'.split(
    ' ',
  ),
)
const unitActions = ['start', 'stop', 'reload', 'restart']
const commandKeys = new Set(['description', 'options', 'unit', 'do', 'script', 'user'])

function readService(
  id: string,
  value: unknown,
  { templates, files }: Required<Pick<Service, 'templates' | 'files'>>,
  complain: Report,
  accepted: boolean,
): Service | undefined {
  const said = new Set<string>()
  const report: Report = (at, message, severity) => {
    said.add(at.join('.'))
    complain(at, message, severity)
  }
  const tree = asTree({ value, at: [] }, report)
  if (!tree) return undefined
  refuseUnknownKeys(tree, keys, [], report, {
    templates: 'templates are the files of the folder templates/',
    files: 'files are what is in the folder files/',
  })
  if (tree.id !== undefined && tree.id !== id)
    report(['id'], `must be the name of its folder, ${show(id)}, got ${show(tree.id)}`)
  readOptions(tree, [], report)
  const commands = asTree(field(tree, [], report, 'commands'), report) ?? {}
  for (const [name, command] of Object.entries(commands)) checkCommand(name, command, templates, report)
  checkRuleShapes(id, field(tree, [], report, 'refuse'), report)
  checkLeafTemplates(tree.resources, ['resources'], report)
  checkLeafTemplates(tree.handlers, ['handlers'], report)
  if (!accepted) {
    checkServiceItems(tree, { templates, files }, report)
    checkServiceHandlers(tree, report)
  }
  const service = { id, title: id, ...fill(tree), templates, ...(Object.keys(files).length > 0 && { files }) }
  reportShape(service, report, said)
  return service as unknown as Service
}

/** The contract itself has the last word, where none of ours was said already. */
function reportShape(service: unknown, report: Report, said: ReadonlySet<string>): void {
  const before = new Set(said)
  for (const { at, message } of shapeTroubles(Service, service))
    if (!before.has(at.join('.'))) report(at, message)
}

/** Absent lists and maps are empty. Empty values (`start:`) are absent or empty maps. */
function fill(tree: Tree): Tree {
  const empty = { tags: [], requires: [], options: {}, commands: {}, resources: [], handlers: {}, facts: {} }
  const written = Object.fromEntries(Object.entries(tree).filter(([, value]) => value !== null))
  return { ...structuredClone(empty), ...known(written, keys) }
}

const known = (tree: Tree, names: ReadonlySet<string>): Tree =>
  Object.fromEntries(Object.entries(tree).filter(([key]) => names.has(key)))

function readOptions(holder: Tree, at: At, report: Report): void {
  const found = field(holder, at, report, 'options')
  const options = asTree(found, report)
  if (!found || !options) return
  for (const [name, option] of Object.entries(options)) {
    const here = [...found.at, name]
    if (!isTree(option)) report(here, `must be a map with at least a type, got ${show(option)}`)
    else checkOptionShape(option, here, report)
  }
}

function checkOptionShape(option: Tree, at: At, report: Report): void {
  refuseUnknownKeys(option, optionKeys, at, report)
  readOptions(option, at, report)
  const { type, pattern, minimum, maximum } = option
  if (typeof pattern === 'string' && !compile(pattern))
    report([...at, 'pattern'], `is not a regular expression: ${show(pattern)}`)
  if (typeof minimum === 'number' && typeof maximum === 'number' && minimum > maximum)
    report([...at, 'minimum'], `is more than the maximum, ${minimum} > ${maximum}`)
  if (!optionTypes.some((each) => each === type))
    report([...at, 'type'], `must be one of ${optionTypes.join(', ')}, got ${show(type)}`)
  if (
    option.generate === true &&
    (type !== 'string' || option.secret !== true || (option.default ?? null) !== null)
  )
    report([...at, 'generate'], 'is for a string that is marked `secret` and has no default')
  if (option.keys !== undefined && (type !== 'object' || option.options !== undefined))
    report([...at, 'keys'], 'is for an object without options')
  if (type === 'group' && !isTree(option.options)) report(at, 'a group needs options')
  if (typeof type !== 'string' || (option.default ?? null) === null || option.removed !== undefined) return
  // A default that itself breaks the rules would pass unseen into every node.
  checkOption(option as unknown as Option, option.default, [...at, 'default'], (_, message, severity) =>
    report([...at, 'default'], message, severity),
  )
}

function checkCommand(
  name: string,
  command: unknown,
  templates: Record<string, string>,
  report: Report,
): void {
  const at = ['commands', name]
  if (!/^[A-Za-z0-9_-]+( [A-Za-z0-9_-]+)*$/.test(name))
    report(at, `a command is named with words, got ${show(name)}`)
  if (!isTree(command)) {
    report(at, 'must be a map with unit and do, or script')
    return
  }
  refuseUnknownKeys(command, commandKeys, at, report)
  readOptions(command, at, report)
  const hasUnit = command.unit !== undefined && command.do !== undefined
  if (hasUnit === (command.script !== undefined)) report(at, 'needs either unit and do, or script')
  if (command.do !== undefined && !unitActions.some((each) => each === command.do))
    report([...at, 'do'], `must be one of ${unitActions.join(', ')}, got ${show(command.do)}`)
  if (typeof command.script === 'string' && !Object.hasOwn(templates, command.script))
    report(
      [...at, 'script'],
      `${unknownName('template', command.script, Object.keys(templates))}; it would be templates/${command.script}`,
    )
}

function checkLeafTemplates(value: unknown, at: At, report: Report): void {
  if (typeof value === 'string' && isTemplated(value)) {
    const fault = templateFault(value)
    if (fault) report(at, fault.message)
  } else if (Array.isArray(value))
    value.forEach((item, i) => void checkLeafTemplates(item, [...at, i], report))
  else if (isTree(value))
    for (const [key, item] of Object.entries(value)) checkLeafTemplates(item, [...at, key], report)
}
