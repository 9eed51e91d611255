import { Input, type Inputs, type Option, type Task } from '#contracts/descriptors.ts'
import { isInexact } from './exact-json.ts'
import { asTree, field, isTree, type Tree } from './fields.ts'
import { checkOption, isTemplated } from './options.ts'
import { matches } from './pattern.ts'
import { shapeTroubles } from './shape.ts'
import type { At, Report } from './source.ts'
import { show, unknownName } from './text.ts'

/** What a task asks of whoever starts it: `inputs: { version: { type: string, required: true } }`. */
export function readInputs(tree: Tree, report: Report): { inputs?: Inputs } {
  const found = field(tree, [], report, 'inputs')
  const written = asTree(found, report)
  if (!found || !written) return {}
  const vars = isTree(tree.vars) ? tree.vars : {}
  const inputs = Object.entries(written).flatMap(([name, value]): [string, Input][] => {
    const at = [...found.at, name]
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      report(at, `an input is named with letters, digits and _, got ${show(name)}`)
    if (Object.hasOwn(vars, name)) report(at, 'is also one of vars: keep one of them')
    const input = readInput(value, at, report)
    return input ? [[name, input]] : []
  })
  return { inputs: Object.fromEntries(inputs) }
}

const keys = Object.keys(Input.properties)
const types = ['string', 'integer', 'number', 'boolean']

function readInput(value: unknown, at: At, report: Report): Input | undefined {
  const input = value === null ? {} : value
  if (!isTree(input)) {
    report(at, `must be a map such as { type: string }, got ${show(value)}`)
    return undefined
  }
  const typed = { type: 'string', ...input }
  for (const key of Object.keys(input))
    if (!keys.includes(key)) report([...at, key], unknownName('key', key, keys))
  const { type } = typed as { type: unknown }
  const isKnown = types.some((each) => each === type)
  if (!isKnown) report([...at, 'type'], unknownName('type', String(type), types))
  const troubles = isKnown ? shapeTroubles(Input, typed) : []
  for (const trouble of troubles) report([...at, ...trouble.at], trouble.message)
  if (!isKnown || troubles.length > 0 || Object.keys(input).some((key) => !keys.includes(key)))
    return undefined
  checkInput(typed as Input, at, report)
  return typed as Input
}

function checkInput(input: Input, at: At, report: Report): void {
  const { default: standard, pattern, required, allowed = [] } = input
  if (pattern !== undefined && matches(pattern, '') === 'invalid')
    report([...at, 'pattern'], `is not a regular expression: ${show(pattern)}`)
  if (required && standard !== undefined) report([...at, 'required'], 'has a default, so it is never missing')
  if (typeof standard === 'string' && isTemplated(standard))
    report([...at, 'default'], 'is taken as it is: no templates')
  else if (standard !== undefined) checkOption(optionOf(input), standard, [...at, 'default'], report)
  const bare = optionOf({ type: input.type })
  allowed.forEach((each, i) => {
    checkOption(bare, each, [...at, 'allowed', i], report)
  })
}

const optionOf = (input: Input): Option => ({ ...input })

/** Only a person can be asked: what starts by itself has to have values. */
export function checkInputTriggers(
  { inputs = {}, triggers }: Pick<Task, 'inputs' | 'triggers'>,
  report: Report,
): void {
  const others = [
    ...(triggers.webhooks.length > 0 ? ['webhook'] : []),
    ...(triggers.crons.length > 0 ? ['cron'] : []),
    ...(triggers.events.length > 0 ? ['event'] : []),
  ]
  if (others.length === 0) return
  for (const [name, { required, default: standard }] of Object.entries(inputs))
    if (required && standard === undefined)
      report(
        ['inputs', name, 'required'],
        `the task also starts by ${others.join(' and ')}, where nobody gives a value: give it a default instead`,
      )
}

/** The values of a run that nobody gives any to. An input that is not required and has no default is null. */
export const inputDefaults = ({ inputs = {} }: Pick<Task, 'inputs'>): Tree =>
  Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.default ?? null]))

export interface Given {
  values: Tree
  /** What is wrong with them, each with its name. */
  troubles: string[]
}

/**
 * What a person gives to a task's inputs. A text becomes a number or truth value where the input is one, as a command
 * line has nothing but texts. Names of `vars` may be given as well.
 */
export function giveInputs({ inputs = {}, vars }: Pick<Task, 'inputs' | 'vars'>, given: Tree): Given {
  const troubles: string[] = []
  const report: Report = (at, message) => void troubles.push(`${at.join('.')}: ${message}`)
  const known = [...Object.keys(inputs), ...Object.keys(vars)]
  const values: Tree = {}
  for (const [name, value] of Object.entries(given)) {
    const input = Object.hasOwn(inputs, name) ? inputs[name] : undefined
    values[name] = input ? typed(input, value) : value
    if (input && isInexactText(input, value)) {
      troubles.push(`${name}: ${value} is too large a number to be kept exactly: make the input a string`)
      continue
    }
    if (!input && !known.includes(name)) troubles.push(unknownName('input', name, known))
    else if (input && typeof values[name] === 'string' && isTemplated(values[name]))
      // A person's text is never a template; it is checked as text.
      checkText(optionOf(input), values[name], name, report)
    else if (input) checkOption(optionOf(input), values[name], [name], report)
  }
  for (const [name, { required }] of Object.entries(inputs))
    if (required && (values[name] ?? null) === null) troubles.push(`${name}: is required`)
  return { values, troubles }
}

function checkText({ type, allowed, pattern }: Option, text: string, name: string, report: Report): void {
  if (type !== 'string')
    report([name], `must be ${type === 'boolean' ? 'true or false' : 'a number'}, got ${show(text)}`)
  else if (allowed && !allowed.includes(text))
    report([name], `must be one of ${allowed.join(', ')}, got ${show(text)}`)
  else if (pattern !== undefined && matches(pattern, text) !== 'fits')
    report([name], `must match the pattern ${pattern}, got ${show(text)}`)
}

const isInexactText = ({ type }: Input, value: unknown): boolean =>
  (type === 'integer' || type === 'number') &&
  isInexact(typeof value === 'string' ? typed({ type }, value) : value)

function typed({ type }: Input, value: unknown): unknown {
  if (typeof value !== 'string') return type === 'string' && typeof value !== 'object' ? String(value) : value
  if (type === 'boolean' && /^(true|false)$/.test(value)) return value === 'true'
  if ((type === 'integer' || type === 'number') && /^-?\d+(\.\d+)?$/.test(value)) return Number(value)
  return value
}
