import type { Node, Option } from '#contracts/descriptors.ts'
import { nearest } from './nearest.ts'
import { itemOf } from './options.ts'
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
}

/** Where a template stands decides which names it can say. */
export interface Scope {
  kind: 'node' | 'task'
  /** Variables that stand bare here, and below `vars`. */
  variables: ReadonlySet<string>
  /** Ids and positions of the steps that have run before; undefined: of any step. */
  steps?: ReadonlySet<string>
}

const roots = {
  node: ['vars', 'secrets'],
  task: ['vars', 'secrets', 'payload', 'event', 'run', 'steps', 'request', 'options'],
}
/** No node may have the name of one of these: its address would mean something else. */
export const reservedRoots: ReadonlySet<string> = new Set(roots.task)

const nodeParts = ['ip', 'id', 'pub_key', 'name', 'facts', 'configuration', 'vars']
const stepParts = ['stdout', 'status', 'exit', 'outputs']

/** Of one template: who has so many has said the same thing wrong each time. */
const maxTroubles = 50

interface Trouble {
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

function addressTrouble(use: Use, scope: Scope, world: World): Trouble | undefined {
  const [root, ...rest] = use.segments.map(String)
  if (root === undefined) return undefined
  const node = world.nodes.get(root)
  if (node) return nodeTrouble(root, rest, node, use, world)
  if (!roots[scope.kind].includes(root)) {
    if (roots.task.includes(root)) return { message: `${show(root)} is known in tasks only` }
    return variableTrouble(root, use, scope, world)
  }
  if (root === 'vars' && rest[0] !== undefined) return variableTrouble(rest[0], use, scope, world)
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

function stepTrouble([id = '', part]: string[], scope: Scope): Trouble | undefined {
  if (scope.steps && !scope.steps.has(id)) return { message: unknownName('earlier step', id, scope.steps) }
  if (part !== undefined && !stepParts.includes(part))
    return { message: unknownName('part of a step', part, stepParts) }
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
  if (part === 'configuration') return configurationTrouble(id, name, rest, services, world)
}

function configurationTrouble(
  id: string,
  serviceId: string,
  path: string[],
  services: ReadonlySet<string>,
  world: World,
): Trouble | undefined {
  if (!services.has(serviceId)) return { message: unknownName(`service of node ${id}`, serviceId, services) }
  const service = world.services.get(serviceId)
  return (
    service &&
    optionTrouble({ type: 'group', options: service.options }, path, [id, 'configuration', serviceId])
  )
}

const listParts = ['first', 'last', 'size']

/** Follows a path into an option as far as the catalog knows. */
function optionTrouble(option: Option, [name, ...rest]: string[], above: string[]): Trouble | undefined {
  if (name === undefined) return undefined
  if (option.type === 'array') {
    if (name === 'size') return undefined
    if (!/^-?\d+$/.test(name) && !listParts.includes(name))
      return {
        message: `${show(above.join('.'))} is a list: write a number or ${listParts.join(', ')}, got ${show(name)}`,
      }
    return optionTrouble(itemOf(option), rest, [...above, name])
  }
  if (option.type !== 'group' && option.type !== 'object')
    return name === 'size' ? undefined : beyond(above, name)
  if (!option.options) return undefined
  const next = Object.hasOwn(option.options, name) ? option.options[name] : undefined
  if (next) return optionTrouble(next, rest, [...above, name])
  return { message: unknownName(`option in ${above.join('.')}:`, name, Object.keys(option.options)) }
}

const beyond = (above: string[], name: string): Trouble => ({
  message: `${show(above.join('.'))} is a single value, there is no ${show(name)} in it`,
})
