import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import type { FastifySchema } from 'fastify'
import Type from 'typebox'
import { strict } from '#contracts/define.ts'
import { Name } from '#contracts/ids.ts'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { Problem } from '#kit/problem.ts'
import { createEventLog } from './events.ts'
import { ProblemDocument } from './problems.ts'
import type { Context, Declaration } from './route.ts'
import { groups, tagOf } from './routes.ts'
import { models } from './views.ts'

/** Parameters of paths that are names; the others are any text. */
const named = ['owner', 'repo', 'user', 'node', 'task']

const names = new Map<unknown, string>(Object.entries(models).map(([name, schema]) => [schema, name]))

export const openapi: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'devo.ps',
      version: '1',
      description: 'Servers and jobs from Git. Errors are RFC 9457 problems with `code` and `next`.',
      license: { name: 'Apache License 2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The server that this document is from' }],
    tags: groups.map(([name, description]) => ({ name, description })),
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  },
  transformObject: (made) => nameRest(made),
  refResolver: {
    buildLocalReference: (json: { $id?: unknown }, _base: unknown, _fragment: unknown, index: number) =>
      typeof json.$id === 'string' ? json.$id : `schema-${index}`,
  },
}

/** What fastify checks and the OpenAPI document says of a route. */
export function schemaOf(route: Declaration): FastifySchema {
  const params = [...route.path.matchAll(/:(\w+)|(\*)/g)].map(([, name, rest]) => name ?? rest ?? '')
  const param = route.raw ? anyText : paramOf
  const success = route.response ? refer(route.response) : { type: 'string' }
  return {
    operationId: route.id,
    summary: route.summary,
    tags: [tagOf(route)],
    security: route.access === 'public' ? [] : [{ token: [] }],
    ...(params.length > 0
      ? { params: strict(Object.fromEntries(params.map((name) => [name, param(name)]))) }
      : {}),
    ...(route.query ? { querystring: route.query } : {}),
    ...(route.body ? { body: route.body } : {}),
    response: {
      [route.status ?? 200]: route.response ? success : streamed(route, success),
      '4xx': problemAnswer('The request is refused: a problem (RFC 9457)'),
      default: problemAnswer('A problem (RFC 9457)'),
    },
  } as FastifySchema
}

const problemAnswer = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: refer(ProblemDocument) } },
})

interface Document {
  paths: Record<string, Record<string, { parameters?: { name: string; in: string }[] }>>
}

/** A template of OpenAPI has no `*`: the rest of an address is called `path`. */
function nameRest(made: Parameters<NonNullable<FastifyDynamicSwaggerOptions['transformObject']>>[0]) {
  const document = ('openapiObject' in made ? made.openapiObject : made.swaggerObject) as Document
  const paths = Object.entries(document.paths).map(([path, operations]) => {
    if (!path.includes('{*}')) return [path, operations]
    for (const { parameters = [] } of Object.values(operations))
      for (const parameter of parameters)
        if (parameter.in === 'path' && parameter.name === '*') parameter.name = 'path'
    return [path.replace('{*}', '{path}'), operations]
  })
  return { ...document, paths: Object.fromEntries(paths) }
}

const streamed = ({ streams }: Declaration, schema: unknown) =>
  streams === 'lines'
    ? { description: 'JSON lines', content: { 'application/x-ndjson': { schema } } }
    : { description: 'server-sent events', content: { 'text/event-stream': { schema } } }

const paramOf = (name: string) =>
  named.includes(name) ? Name : Type.String({ minLength: 1, maxLength: 200 })

/** Judged by the route: what cannot be is answered like what is not there. */
const anyText = () => Type.String()

/** The same schema, with a reference in place of everything that has a name. */
function refer(schema: unknown): unknown {
  const name = names.get(schema)
  return name === undefined ? inner(schema) : { $ref: `${name}#` }
}

function inner(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(refer)
  if (typeof schema !== 'object' || schema === null) return schema
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, refer(value)]))
}

/** The model itself, with references to the models within it. */
export const modelOf = (name: keyof typeof models) => ({ ...(inner(models[name]) as object), $id: name })

/** The OpenAPI document, without a server and without a bus. */
export async function openapiDocument(): Promise<object> {
  const { createApp } = await import('./app.ts')
  const nobody = () => {
    throw new Problem('internal', { reason: 'nothing is asked while the document is made' })
  }
  const context: Context = {
    bus: new Proxy({}, { get: nobody }) as Context['bus'],
    clock: systemClock,
    log: silentLog,
    events: createEventLog(),
    schemas: () => ({}),
    troubles: async () => [],
  }
  const app = await createApp({
    context,
    log: silentLog,
    allowedHosts: [],
    closing: new AbortController().signal,
  })
  await app.ready()
  const document = app.swagger()
  await app.close()
  return document
}

export const modelNames = Object.keys(models) as (keyof typeof models)[]
