import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { parse, parseAllDocuments } from 'yaml'
import { checkRepository, type File, jsonSchemas, readCatalog } from './index.ts'

const folder = join(import.meta.dirname, 'cases')
const catalog = readCatalog(join(folder, 'catalog'))
const real = join(import.meta.dirname, '../../catalog')

interface Case {
  title: string
  files: Record<string, string>
  variables?: string[]
}

/** An independent validator, which refuses what is no JSON Schema. */
const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true })
type Schemas = Record<string, Record<string, unknown>>
const compile = (schemas: Schemas) =>
  new Map(Object.entries(schemas).map(([kind, schema]) => [kind, ajv.compile(schema)]))
const schemas: Schemas = jsonSchemas(catalog)
const validators = compile(schemas)

/** Which schema an editor holds a file against. */
const kindOf = (path: string): string | undefined =>
  /^(node|task)s\//.exec(path)?.[1] ?? (/^services\/[^/]+\/service\./.test(path) ? 'service' : undefined)

function complaints(
  { path, content }: File,
  known: ReadonlyMap<string, ValidateFunction> = validators,
): string[] {
  const kind = kindOf(path)
  const validator = kind && /\.(ya?ml|json)$/.test(path) ? known.get(kind) : undefined
  if (!validator) return []
  return parseAllDocuments(content).flatMap((document) => {
    const value: unknown = document.toJS()
    if (value === null) return []
    validator(value)
    return (validator.errors ?? []).map((error) => `${path}${error.instancePath}: ${error.message}`)
  })
}

const good = readdirSync(folder)
  .filter((name) => name.endsWith('.yml'))
  .flatMap((name) => parse(readFileSync(join(folder, name), 'utf8')) as Case[])
  .map((each) => ({
    ...each,
    list: Object.entries(each.files).map(([path, content]) => ({ path, content })),
  }))
  .filter(({ list, variables }) =>
    checkRepository(list, { catalog, ...(variables && { variables }) }).findings.every(
      ({ severity }) => severity === 'warning',
    ),
  )

describe('the JSON Schemas of editors', () => {
  it('accept whatever a push accepts', () => {
    assert.ok(good.length > 50)
    const refused = good.flatMap(({ title, list }) => {
      const { services } = checkRepository(list, { catalog }).infrastructure
      const known = services.length > 0 ? compile(jsonSchemas([...catalog, ...services])) : validators
      return list.flatMap((file) => complaints(file, known)).map((each) => `${title}: ${each}`)
    })
    assert.deepEqual(refused, [])
  })

  it('are as strict as a push with services, providers and their keys', () => {
    const node = (rest: string) => `id: a\ntype: server\n${rest}\n`
    const wrong = [
      'provider: { name: dokcer }',
      'provider: { name: docker, sise: small }',
      'provider: { name: docker, size: huge }',
      'provider: { name: docker, memory: 1 }',
      'provider: { name: docker, memory: lots }',
      "provider: { name: docker, volumes: ['/etc:/etc'] }",
      'provider: { name: docker, network: host }',
      'provider: { name: ssh, ports: ["80:80"] }',
      'provider: { name: ssh, host: 10.0.0.1 }',
      'provider: { type: docker, jump: db }',
      'provider: { name: docker }\nservices: [ngnix]',
      'provider: { name: docker }\nservices: { ngnix: null }',
      'provider: { name: docker }\nservices: { nginx: 1.2 }',
      'provider: { name: docker }\nservices: [nginx]\nconfiguration: { ngnix: {} }',
      'provider: { name: docker }\nservices: [nginx]\nconfiguration: { nginx: { worker_procesess: 2 } }',
    ]
    for (const rest of wrong) {
      const file = { path: 'nodes/a.yml', content: node(rest) }
      const push = checkRepository([file], { catalog }).findings.some(({ severity }) => severity === 'error')
      assert.ok(push, `a push accepts ${rest}`)
      assert.notDeepEqual(complaints(file), [], `an editor accepts ${rest}`)
    }
    const served = compile(jsonSchemas(catalog, { open: true }))
    const own = { path: 'nodes/a.yml', content: node('provider: { name: docker }\nservices: [mine]') }
    assert.deepEqual(complaints(own, served), [], 'a schema without a repository knows no service of its own')
  })

  it('refuse what is plainly wrong, and strike out older spellings', () => {
    const wrong = {
      'nodes/a.yml': 'id: a\ntype: server\nprovider: { size: small }\n',
      'nodes/b.yml': 'id: b\ntype: server\nprovider: { name: docker }\nservises: [nginx]\n',
      'tasks/a.yml': 'id: a\ntype: task\n',
      'tasks/b.yml': 'id: b\ntype: task\nsteps: [{ name: no command }]\n',
      'tasks/c.yml': 'id: c\ntype: task\nsteps: [ls]\ntimeout: soon\n',
      'services/x/service.yml': 'title: X\noptions: { a: { type: text } }\n',
    }
    for (const [path, content] of Object.entries(wrong))
      assert.notDeepEqual(complaints({ path, content }), [], path)
    const { properties } = schemas.task as unknown as { properties: Record<string, { deprecated?: boolean }> }
    for (const name of ['when', 'on', 'do']) assert.equal(properties[name]?.deprecated, true)
  })

  it('know every option of every service, with its description and default', () => {
    const all = jsonSchemas(readCatalog(real)).node as unknown as {
      properties: { configuration: { properties: Record<string, { properties: Record<string, object> }> } }
    }
    for (const service of readCatalog(real)) {
      const known = all.properties.configuration.properties[service.id]?.properties ?? {}
      const written = Object.entries(service.options).filter(([, option]) => option.removed === undefined)
      assert.deepEqual(
        Object.keys(known),
        written.map(([name]) => name),
        service.id,
      )
      for (const [name, { description, default: value }] of written) {
        const { description: told, default: given } = known[name] as {
          description?: string
          default?: unknown
        }
        assert.deepEqual([told, given], [description, value], `${service.id}.${name}`)
      }
    }
  })

  it('accept the services of the catalog', () => {
    for (const id of readdirSync(real)) {
      const content = readFileSync(join(real, id, 'service.yml'), 'utf8')
      assert.deepEqual(complaints({ path: `services/${id}/service.yml`, content }), [], id)
    }
  })
})
