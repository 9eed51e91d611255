import { type Option, Service } from '#contracts/descriptors.ts'
import { itemOf } from './options.ts'
import { plain, writtenNode, writtenTask } from './written.ts'

type Schema = Record<string, unknown>

/**
 * JSON Schemas (2020-12) of what people write, for editors: the contracts' own, with services and their options filled in.
 * What may be left out is not required. `services`: the catalog, and those that the repository brings; `open`: it may bring
 * others that are not known here.
 */
export function jsonSchemas(
  services: readonly Service[],
  { open = false }: { open?: boolean } = {},
): { node: Schema; task: Schema; service: Schema } {
  const version = { type: ['string', 'null'], description: "a version, '*' for the distribution's" }
  const ids = services.map(({ id }) => id)
  const node = {
    ...writtenNode,
    services: {
      anyOf: [
        {
          type: 'object',
          additionalProperties: open ? version : false,
          properties: properties(services, (each) => ({ ...version, title: each.title })),
        },
        {
          type: 'array',
          items: open ? { type: 'string', examples: ids } : { enum: ids },
        },
      ],
    },
    configuration: {
      type: 'object',
      properties: properties(services, (each) => ({ title: each.title, ...optionsSchema(each.options) })),
      additionalProperties: open,
    },
  }
  return {
    node: top('Node', node, ['id', 'type', 'provider']),
    task: {
      ...top('Task', writtenTask, ['id', 'type']),
      anyOf: [{ required: ['steps'] }, { required: ['do'] }],
    },
    service: withDefinitions(top('Service', withoutFolders(plain(Service.properties)), [])),
  }
}

const properties = (catalog: readonly Service[], schemaOf: (service: Service) => Schema): Schema =>
  Object.fromEntries(catalog.map((service) => [service.id, schemaOf(service)]))

const withoutFolders = ({ templates: _t, files: _f, ...rest }: Schema): Schema => rest

/**
 * The library writes the definitions of a recursive type beside each use, all under one name; a schema has them once, at
 * its top, and refers to them by their place (JSON Schema 2020-12 §8.2.4).
 */
function withDefinitions(schema: Schema): Schema {
  const definitions: Schema = {}
  const gather = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(gather)
    if (typeof value !== 'object' || value === null) return value
    const { $defs, $id: _, ...rest } = value as Schema
    for (const [name, each] of Object.entries(($defs ?? {}) as Schema)) definitions[name] ??= gather(each)
    const inner = Object.entries(rest).map(([key, each]) => [key, gather(each)])
    const made = Object.fromEntries(inner) as Schema
    if (typeof made.$ref === 'string' && !made.$ref.includes('#')) made.$ref = `#/$defs/${made.$ref}`
    return made
  }
  return { ...(gather(schema) as Schema), $defs: definitions }
}

function top(title: string, fields: Schema, required: string[]): Schema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title,
    type: 'object',
    properties: fields,
    required,
    additionalProperties: false,
  }
}

function optionsSchema(options: Record<string, Option>): Schema {
  const written = Object.entries(options).filter(([, option]) => option.removed === undefined)
  const required = written
    .filter(([, option]) => option.required && option.default === undefined)
    .map(([name]) => name)
  return {
    type: 'object',
    properties: Object.fromEntries(written.map(([name, option]) => [name, optionSchema(option)])),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  }
}

/** Whatever the type, a template may stand in its place; in the place of a text also within. Empty is unset. */
const template = { type: 'string', pattern: '^\\{\\{.*\\}\\}$' }
const withTemplate = { type: 'string', pattern: '\\{[{%]' }

function optionSchema(option: Option): Schema {
  const { description } = option
  const notes = {
    ...(description !== undefined && { description }),
    ...(option.default !== undefined && { default: option.default }),
  }
  const templated = option.type === 'string' ? withTemplate : template
  return { ...notes, anyOf: [valueSchema(option), templated, { type: 'null' }] }
}

function valueSchema(option: Option): Schema {
  const { type, minimum, maximum, allowed, pattern } = option
  if (type === 'array') return { type, items: optionSchema(itemOf(option)) }
  if (type === 'group' || type === 'object')
    return option.options ? optionsSchema(option.options) : mapSchema(option)
  return {
    type,
    ...(minimum !== undefined && { minimum }),
    ...(maximum !== undefined && { maximum }),
    ...(allowed && { enum: allowed }),
    ...(pattern !== undefined && { pattern }),
  }
}

function mapSchema({ keys }: Option): Schema {
  if (!keys) return { type: 'object' }
  const [open, names] = [keys.filter((key) => key.includes('*')), keys.filter((key) => !key.includes('*'))]
  return {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, {}])),
    patternProperties: Object.fromEntries(open.map((key) => [expressionOf(key), {}])),
    additionalProperties: false,
  }
}

/** As `isMatch` reads it: a last part `*` stands for all parts that follow. */
const expressionOf = (key: string): string =>
  `^${key
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/\*$/, '.+')
    .replaceAll('*', '[^.]*')}$`
