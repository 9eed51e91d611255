import { Cron, Input, Node, Step, Task } from '#contracts/descriptors.ts'
import { providerKeysOf } from './provider-keys.ts'

type Schema = Record<string, unknown>

/**
 * What people may write where the contract has one form only: short forms, older spellings (marked as deprecated, so
 * that an editor strikes them out), and times in words. Everything else is the contract's own.
 */

/** Without the library's own marks, which are no JSON. */
export const plain = (value: unknown): Schema => JSON.parse(JSON.stringify(value)) as Schema

const either = (...anyOf: Schema[]): Schema => ({ anyOf })
const map = (properties: Schema, required: string[] = []): Schema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})
const list = (items: Schema): Schema => ({ type: 'array', items })
const older = (schema: Schema, instead: string): Schema => ({
  ...schema,
  deprecated: true,
  description: `older spelling: write ${instead}`,
})

const text: Schema = { type: 'string' }
const flag: Schema = { type: 'boolean' }
const single: Schema = { type: ['string', 'number', 'boolean', 'null'] }
const duration = either(
  { type: 'integer', minimum: 1, description: 'seconds' },
  { type: 'string', pattern: '^\\d{1,8}\\s*(s|m|min|h|d)?$', description: 'such as 30s, 10m, 2h, 1d' },
)
const names = either(text, list(text))

const targets = plain(Task.properties.targets)
const step = map(
  {
    ...plain(Step.properties),
    on: older(targets, 'targets'),
    if: either(text, flag),
    env: { type: 'object', additionalProperties: single },
    timeout: duration,
    retries: either(
      { type: 'integer', minimum: 0, maximum: 100 },
      map({ count: { type: 'integer', minimum: 0, maximum: 100 }, pause: either(duration, { const: 0 }) }, [
        'count',
      ]),
    ),
    outputs: names,
    needs: names,
  },
  ['run'],
)
const steps: Schema = { type: 'array', minItems: 1, items: either({ ...text, minLength: 1 }, step) }

const triggerProperties = plain(Task.properties.triggers).properties as Record<string, Schema>
const webhook = either(
  withoutRequired(triggerProperties.webhooks?.items as Schema, ['path']),
  older(text, 'path: …'),
)
const cronMap = plain(Cron.anyOf[1])
const cron = either(text, withoutRequired(cronMap, ['cron']))
const triggers = map({
  ...triggerProperties,
  webhooks: list(webhook),
  webhook: older(either(webhook, list(webhook)), 'webhooks'),
  crons: list(cron),
  timezone: text,
  cron: older(either(cron, list(cron)), 'crons'),
  event: older(names, 'events'),
})

function withoutRequired(schema: Schema, required: string[]): Schema {
  return { ...schema, required }
}

const size = plain(Task.properties.batch).properties as Record<string, Schema>
const approval = plain(Task.properties.approval).properties as Record<string, Schema>

export const writtenTask: Schema = {
  ...plain(Task.properties),
  inputs: { type: 'object', additionalProperties: either(map(plain(Input.properties)), { type: 'null' }) },
  triggers,
  when: older(triggers, 'triggers'),
  on: older(targets, 'targets'),
  steps,
  do: older(steps, 'steps'),
  on_failure: steps,
  timeout: duration,
  batch: either(size.size ?? {}, map(size, ['size'])),
  approval: either(flag, text, map({ ...approval, within: duration })),
}

type KeyOf = (typeof providerKeysOf)[string][string]

/** What a key of a provider takes, as a push judges it. */
function keySchema({ type, allowed, pattern, like, minimum }: KeyOf): Schema {
  const matching = {
    ...text,
    ...(pattern && { pattern: pattern.source }),
    ...(like && { description: like }),
  }
  const value: Record<KeyOf['type'], Schema> = {
    list: list(matching),
    number: { type: 'number', ...(minimum !== undefined && { minimum }) },
    text: matching,
    id: either(matching, { type: 'integer' }),
  }
  return either(allowed ? { enum: [...allowed] } : value[type], { type: 'null' })
}

const providerNames = Object.keys(providerKeysOf)
const common: Schema = {
  name: { enum: providerNames },
  type: older({ enum: providerNames }, 'name'),
  credential: text,
}

/** Each provider has keys of its own. */
function providerSchema(name: string): Schema {
  const keys = Object.entries(providerKeysOf[name] ?? {}).map(([key, how]) => [key, keySchema(how)] as const)
  const own = Object.fromEntries(keys)
  return {
    if: either(
      ...['name', 'type'].map((key) => ({ properties: { [key]: { const: name } }, required: [key] })),
    ),
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: {
      properties: {
        ...common,
        ...own,
        ...('location' in own && { region: older(own.location ?? {}, 'location') }),
      },
      additionalProperties: false,
    },
  }
}

export const writtenNode: Schema = {
  ...plain(Node.properties),
  provider: {
    type: 'object',
    properties: common,
    allOf: providerNames.map(providerSchema),
    anyOf: [{ required: ['name'] }, { required: ['type'] }],
  },
}
