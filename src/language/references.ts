import type { Node, Option } from '#contracts/descriptors.ts'
import { Facts } from '#contracts/facts.ts'
import { isTree } from './fields.ts'
import { itemName, itemNamed } from './items.ts'
import { nearest } from './nearest.ts'
import { isTemplated, itemOf } from './options.ts'
import type { Services } from './service-graph.ts'
import type { At, Report } from './source.ts'
import { addressUses, type Fault, faultOf, type Use } from './templates.ts'
import { show, unknownName } from './text.ts'

/** All that an address can lead to. */
export interface World {
  nodes: ReadonlyMap<string, { node: Node; services: ReadonlySet<string> }>
  services: Services
  /** Names set apart from the descriptors (`devops var set`); undefined: not known here. */
  variables: ReadonlySet<string> | undefined
  /** Names of secrets (`devops secret set`); undefined: not known here. */
  secrets: ReadonlySet<string> | undefined
}

/** Where a template stands decides which names it can say. */
export interface Scope {
  kind: 'node' | 'task'
  /** Variables that stand bare here, and below `vars`. */
  variables: ReadonlySet<string>
  /** Ids and positions of the steps that have run before, with the outputs that they declare; undefined: of any step. */
  steps?: ReadonlyMap<string, readonly string[]>
}

const roots = {
  node: ['vars', 'secrets', 'passwords'],
  task: ['vars', 'secrets', 'passwords', 'payload', 'event', 'run', 'steps', 'request', 'options'],
}
/** No node may have the name of one of these: its address would mean something else. */
export const reservedRoots: ReadonlySet<string> = new Set(roots.task)

const nodeParts = ['ip', 'id', 'pub_key', 'name', 'facts', 'configuration', 'vars']
const stepParts = ['stdout', 'status', 'exit', 'outputs']

/** Of one template: who has so many has said the same thing wrong each time. */
const maxTroubles = 50

export interface Trouble {
  message: string
  severity?: 'warning'
}

/** Checks one template: its syntax and filters, and that each address in it leads somewhere. */
export function checkTemplate(text: string, at: At, report: Report, scope: Scope, world: World): void {
  checkUses(text, scope, world, ({ message, severity }) => report(at, message, severity))
}

/** As `checkTemplate`, and tells the place inside the text. */
export function checkUses(
  text: string,
  scope: Scope,
  world: World,
  complain: (trouble: Trouble & Fault) => void,
): void {
  let uses: Use[]
  try {
    uses = addressUses(text)
  } catch (error) {
    const fault = faultOf(error)
    complain({ ...fault, message: `is not a template: ${fault.message}` })
    return
  }
  let left = maxTroubles
  for (const use of uses) {
    const trouble = addressTrouble(use, scope, world)
    if (trouble) complain({ ...trouble, line: use.line, column: use.column })
    if (trouble && --left === 0) return
  }
}

export function addressTrouble(use: Use, scope: Scope, world: World): Trouble | undefined {
  const [root, ...rest] = use.segments.map(String)
  if (root === undefined) return undefined
  const node = world.nodes.get(root)
  if (node) return nodeTrouble(root, rest, node, use, world)
  if (!roots[scope.kind].includes(root)) {
    if (roots.task.includes(root)) return { message: `${show(root)} is known in tasks only` }
    return variableTrouble(root, use, scope, world)
  }
  if (root === 'vars' && rest[0] !== undefined) return variableTrouble(rest[0], use, scope, world)
  if (root === 'secrets' && rest[0] !== undefined) return secretTrouble(rest, use, world)
  if (root === 'passwords' && rest[0] !== undefined) return passwordTrouble(rest)
  if (root === 'steps' && rest[0] !== undefined) return stepTrouble(rest, scope)
}

function variableTrouble(name: string, use: Use, scope: Scope, world: World): Trouble | undefined {
  if (use.optional || scope.variables.has(name) || world.variables?.has(name)) return undefined
  const known = [...scope.variables, ...(world.variables ?? []), ...roots[scope.kind], ...world.nodes.keys()]
  const near = nearest(name, known)
  const hint = near === undefined ? '' : `, did you mean ${show(near)}?`
  const address = show(use.segments.join('.'))
  if (world.variables)
    return { message: `unknown variable ${address}${hint || ': set it in vars, or with devops var set'}` }
  return {
    message: `variable ${address} is not set here${hint || ': it has to be set with devops var set'}`,
    severity: 'warning',
  }
}

export function secretTrouble(
  [name = '', part]: string[],
  use: Use,
  { secrets }: World,
): Trouble | undefined {
  if (part !== undefined) return beyond(['secrets', name], part)
  if (!secrets || secrets.has(name) || use.optional) return undefined
  const near = nearest(name, secrets)
  const hint =
    near === undefined ? `set it first, with devops secret set ${name}` : `did you mean ${show(near)}?`
  return { message: `unknown secret ${show(name)}${near === undefined ? ': ' : ', '}${hint}` }
}

function passwordTrouble([name = '', part]: string[]): Trouble | undefined {
  if (part !== undefined) return beyond(['passwords', name], part)
  if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name))
    return { message: `a password is named with letters, digits, - and _, got ${show(name)}` }
}

function stepTrouble([id = '', part, name]: string[], { steps }: Scope): Trouble | undefined {
  if (steps && !steps.has(id)) return { message: unknownName('earlier step', id, steps.keys()) }
  if (part !== undefined && !stepParts.includes(part))
    return { message: unknownName('part of a step', part, stepParts) }
  if (part !== 'outputs' || name === undefined || !steps) return undefined
  const outputs = steps.get(id) ?? []
  if (!outputs.includes(name)) return { message: unknownName(`output of step ${id}`, name, outputs) }
}

function nodeTrouble(
  id: string,
  [part, name, ...rest]: string[],
  { node, services }: { node: Node; services: ReadonlySet<string> },
  use: Use,
  world: World,
): Trouble | undefined {
  if (part === undefined) return undefined
  if (!nodeParts.includes(part)) return { message: unknownName(`part of node ${id}`, part, nodeParts) }
  if (name === undefined) return undefined
  if (part === 'id' || part === 'ip' || part === 'pub_key' || part === 'name') return beyond([id, part], name)
  if (part === 'vars' && !Object.hasOwn(node.vars, name) && !use.optional && !world.variables?.has(name)) {
    const message = unknownName(`variable of node ${id}`, name, Object.keys(node.vars))
    return world.variables ? { message } : { message, severity: 'warning' }
  }
  if (part === 'facts') return factTrouble(id, name, rest, { services, world })
  if (part === 'configuration') return configurationTrouble(id, name, rest, { node, services }, world)
}

function factTrouble(
  id: string,
  name: string,
  rest: string[],
  { services, world }: { services: ReadonlySet<string>; world: World },
): Trouble | undefined {
  if (name === 'services') return serviceFactTrouble(id, rest, services, world)
  let place: Shape = Facts
  const above = [id, 'facts']
  for (const key of [name, ...rest]) {
    if (place.type === 'array') {
      if (key === 'size') return undefined
      place = place.items ?? {}
    } else if (place.properties) {
      const next: Shape | undefined = Object.hasOwn(place.properties, key) ? place.properties[key] : undefined
      if (!next)
        return { message: unknownName(`fact in ${above.join('.')}:`, key, Object.keys(place.properties)) }
      place = next
    } else return key === 'size' ? undefined : beyond(above, key)
    above.push(key)
  }
  return undefined
}

/** As much of a JSON schema as is followed. */
interface Shape {
  type?: string
  properties?: Record<string, Shape>
  items?: Shape
}

function serviceFactTrouble(
  id: string,
  [service, name]: string[],
  services: ReadonlySet<string>,
  world: World,
): Trouble | undefined {
  if (service === undefined) return undefined
  if (!services.has(service)) return { message: unknownName(`service of node ${id}`, service, services) }
  const facts = world.services.get(service)?.facts
  if (name === undefined || !facts || Object.hasOwn(facts, name)) return undefined
  return { message: unknownName(`fact of service ${service}`, name, Object.keys(facts)) }
}

function configurationTrouble(
  id: string,
  serviceId: string,
  path: string[],
  { node, services }: { node: Node; services: ReadonlySet<string> },
  world: World,
): Trouble | undefined {
  if (!services.has(serviceId)) return { message: unknownName(`service of node ${id}`, serviceId, services) }
  const service = world.services.get(serviceId)
  return (
    service &&
    optionTrouble({ type: 'group', options: service.options }, path, {
      above: [id, 'configuration', serviceId],
      value: node.configuration[serviceId],
    })
  )
}

const listParts = ['first', 'last', 'size']

/** Where a path has come to, and what is written there, as far as it is. */
interface Found {
  above: string[]
  value: unknown
}

/** Follows a path into an option as far as the catalog knows. */
export function optionTrouble(option: Option, path: string[], { above, value }: Found): Trouble | undefined {
  const [name, ...rest] = path
  if (name === undefined) return undefined
  if (option.type === 'array') return listTrouble(option, name, rest, { above, value })
  if (option.type !== 'group' && option.type !== 'object')
    return name === 'size' ? undefined : beyond(above, name)
  if (!option.options) return undefined
  const next = Object.hasOwn(option.options, name) ? option.options[name] : undefined
  if (next)
    return optionTrouble(next, rest, {
      above: [...above, name],
      value: isTree(value) ? value[name] : undefined,
    })
  return { message: unknownName(`option in ${above.join('.')}:`, name, Object.keys(option.options)) }
}

/** Items go by their number, and by their name or id if they have one. */
function listTrouble(
  option: Option,
  name: string,
  rest: string[],
  { above, value }: Found,
): Trouble | undefined {
  if (name === 'size') return undefined
  const list = value ?? option.default
  const names = Array.isArray(list) ? list.flatMap((each) => itemName(each) ?? []) : []
  const item = { above: [...above, name], value: Array.isArray(list) ? itemNamed(list, name) : undefined }
  const known = item.value !== undefined || /^-?\d+$/.test(name) || listParts.includes(name)
  // Names that are rendered are known later.
  const rendered = typeof list === 'string' || names.some(isTemplated)
  if (known || rendered) return optionTrouble(itemOf(option), rest, item)
  if (names.length > 0) return { message: unknownName(`item in ${above.join('.')}:`, name, names) }
  return {
    message: `${show(above.join('.'))} is a list: write a number or ${listParts.join(', ')}, got ${show(name)}`,
  }
}

const beyond = (above: string[], name: string): Trouble => ({
  message: `${show(above.join('.'))} is a single value, there is no ${show(name)} in it`,
})
