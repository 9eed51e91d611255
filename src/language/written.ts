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

const provider = plain(Node.properties.provider)
/** Of all providers; which has which is for a push to say. */
const providerProperties: Schema = Object.fromEntries(
  Object.values(providerKeysOf).flatMap((keys) =>
    Object.entries(keys).map(([name, { type, allowed, like, minimum }]) => [
      name,
      {
        ...(type === 'list' ? list(text) : type === 'number' ? { type, minimum } : text),
        ...(allowed && { enum: allowed }),
        ...(like && { description: like }),
      },
    ]),
  ),
)
export const writtenNode: Schema = {
  ...plain(Node.properties),
  provider: {
    ...provider,
    properties: {
      ...providerProperties,
      ...(provider.properties as Schema),
      type: older(text, 'name'),
      region: older({ type: ['string', 'integer'] }, 'location'),
    },
    required: [],
    anyOf: [{ required: ['name'] }, { required: ['type'] }],
  },
}
