import type Type from 'typebox'
import { Compile } from 'typebox/compile'
import type { Service } from '#contracts/descriptors.ts'
import { nearest } from '#language'
import { broken, commonKeys, headOf } from './expand.ts'
import { normalId, normalItem } from './normal.ts'
import { kinds } from './resources/index.ts'
import type { Item } from './resources/item.ts'
import type { Kind, Resource } from './resources/kind.ts'

/** A resource, and the services that wish it. */
export type Draft = Resource & { from: string[] }

/** What is written in a service, checked against its kind: a mistake is told with what would be right. */
export function toResource(service: Service, item: Item): Draft {
  const kind = kinds.get(headOf(item))
  const at = JSON.stringify(item).slice(0, 120)
  if (!kind) throw broken(service, at, `names no kind of resource${meant(Object.keys(item))}`)
  const { requires = [], notify = [], except, cuts_link, ...written } = item
  const own = normalItem(kind, written)
  check(service, kind, own, at)
  const list = (value: unknown) => (Array.isArray(value) ? value : [value]).map(String)
  return {
    ...kind.wish(String(own[kind.name]), own),
    kind: kind.name,
    requires: list(requires).map(normalId),
    notify: list(notify).map((name) => (/[/:]/.test(name) ? normalId(name) : `${service.id}/${name}`)),
    ...(except === 'container' ? { except } : {}),
    ...(cuts_link === true ? { cuts_link } : {}),
    from: [service.id],
  }
}

function meant(keys: string[]): string {
  const near = keys.map((key) => nearest(key, kinds.keys())).find((name) => name !== undefined)
  return near === undefined ? '' : `, did you mean ${JSON.stringify(near)}?`
}

const validators = new Map<string, ReturnType<typeof Compile>>()

function check(service: Service, kind: Kind, item: Item, at: string): void {
  const properties = (kind.schema as Type.TObject).properties
  for (const key of Object.keys(item)) {
    if (Object.hasOwn(properties, key) || commonKeys.has(key)) continue
    const near = nearest(key, Object.keys(properties))
    throw broken(
      service,
      at,
      `${kind.name} has no ${JSON.stringify(key)}${near === undefined ? '' : `, did you mean ${JSON.stringify(near)}?`}`,
    )
  }
  const validator = validators.get(kind.name) ?? Compile(kind.schema)
  validators.set(kind.name, validator)
  const [error] = validator.Errors(item)
  const wrong = error ? undefined : kind.refuse?.(item)
  if (wrong) throw broken(service, at, wrong)
  if (!error) return
  const key = error.instancePath.slice(1) || kind.name
  const wanted = properties[key.split('/')[0] ?? ''] as { description?: string } | undefined
  throw broken(service, at, `${key} ${error.message}${wanted?.description ? ` (${wanted.description})` : ''}`)
}
