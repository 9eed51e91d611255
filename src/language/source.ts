import {
  type Alias,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Pair,
  parseAllDocuments,
  type Scalar,
  type Document as YamlDocument,
  type Node as YamlNode,
} from 'yaml'
import type { Finding } from '#contracts/descriptors.ts'
import { show } from './text.ts'
import { TextCache } from './text-cache.ts'

export const maxFileBytes = 1024 * 1024
const maxDepth = 64
/** Values that aliases may repeat: enough for shared blocks, nothing for a bomb. */
const maxAliased = 10_000
/** Of one descriptor: far more than anybody writes, few enough to judge each. */
const maxValues = 20_000
const maxFindings = 200
/** Characters of files that are remembered. */
const MEMORY = 8 * 1024 * 1024

/** The way to a value inside a document. */
export type At = readonly (string | number)[]
export type Report = (at: At, message: string, severity?: Finding['severity']) => void

/** One descriptor of a file: its plain value, and a way to complain about any place of it. */
export interface Document {
  path: string
  value: unknown
  report: Report
  /** So many faults were reported that further ones are not shown. */
  isFull(): boolean
  /** Where a value is written, `line:column`, both from 1. */
  locate(at: At): { line: number; column: number }
}

/** Reads YAML 1.2 (core schema) or JSON. A file that cannot be read gives findings and no document. */
export function readDocuments(path: string, text: string, findings: Finding[]): Document[] {
  const lines = new Lines(text)
  const remembered = memoryFor(path).get(text)
  if (remembered) {
    const roots = once(() => rootsOf(parse(text) ?? []))
    return structuredClone(remembered).map((value, i) =>
      documentOf(path, value, () => roots()[i], lines, findings),
    )
  }
  const complain = (offset: number, message: string) =>
    findings.push({ severity: 'error', path, ...lines.position(offset), at: '', message })
  const problem = tooBig(text) ?? tooDeep(text) ?? (path.endsWith('.json') ? badJson(text) : undefined)
  if (problem) {
    complain(problem.offset, problem.message)
    return []
  }
  const parsed = parse(text)
  if (!parsed) {
    complain(0, `is nested more than ${maxDepth} levels deep`)
    return []
  }
  const broken = parsed.flatMap((document) => document.errors)
  for (const error of broken.slice(0, 10)) complain(error.pos[0], yamlMessage(error.message))
  if (broken.length > 0) return []
  const before = findings.length
  const documents = rootsOf(parsed).map((root) => {
    const reader = new Reader((node, at, message) => {
      const place = lines.position(node?.range?.[0] ?? 0)
      if (findings.length - before < maxFindings)
        findings.push({ severity: 'error', path, ...place, at: at.join('.'), message })
    })
    return documentOf(path, reader.read(root), () => root, lines, findings)
  })
  if (findings.length === before) remember(path, text, documents)
  return documents
}

/** Most files of a push are those of the push before: what was read without complaint is kept, by its text. */
const memory = { yaml: new TextCache<unknown[]>(MEMORY), json: new TextCache<unknown[]>(MEMORY) }
const memoryFor = (path: string) => (path.endsWith('.json') ? memory.json : memory.yaml)

function remember(path: string, text: string, documents: readonly Document[]): void {
  // A copy: who asks for a repository may do with it as he likes.
  memoryFor(path).keep(text, structuredClone(documents.map(({ value }) => value)))
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

const rootsOf = (parsed: readonly YamlDocument.Parsed[]): YamlNode[] =>
  parsed
    .map((document) => document.contents as YamlNode | null)
    .filter((root) => root !== null && !isEmpty(root)) as YamlNode[]

function documentOf(
  path: string,
  value: unknown,
  root: () => YamlNode | undefined,
  lines: Lines,
  findings: Finding[],
): Document {
  const locate = (at: At) => lines.position(offsetOf(root() ?? null, at))
  let count = 0
  const report: Report = (at, message, severity = 'error') => {
    if (++count > maxFindings) return
    if (count === maxFindings) {
      findings.push({
        severity: 'error',
        path,
        ...locate([]),
        at: '',
        message: `has more than ${maxFindings} faults: the rest is not shown`,
      })
      return
    }
    findings.push({ severity, path, ...locate(at), at: at.join('.'), message })
  }
  return { path, value, report, locate, isFull: () => count >= maxFindings }
}

/** Undefined when the parser went so deep that it ran out of stack: it descends also where a document is wrong. */
function parse(text: string): YamlDocument.Parsed[] | undefined {
  try {
    return parseAll(text)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function parseAll(text: string): YamlDocument.Parsed[] {
  const parsed = parseAllDocuments(text, {
    version: '1.2',
    schema: 'core',
    merge: false,
    resolveKnownTags: false,
    prettyErrors: false,
    // Ours is linear, and says more.
    uniqueKeys: false,
    logLevel: 'silent',
  })
  return Array.isArray(parsed) ? parsed : []
}

/** Turns the syntax tree into plain values, and refuses what a descriptor may not contain. */
class Reader {
  private readonly anchors = new Map<string, YamlNode>()
  /** Where it is. */
  private readonly path: (string | number)[] = []
  private values = 0
  private aliased = 0
  private insideAlias = 0
  private readonly report: (node: YamlNode | null, at: At, message: string) => void

  constructor(report: (node: YamlNode | null, at: At, message: string) => void) {
    this.report = report
  }

  read(node: unknown): unknown {
    if (node === null || node === undefined) return null
    if (++this.values > maxValues) {
      if (this.values === maxValues + 1)
        this.complain(node, `a descriptor holds at most ${maxValues} values: this one is too large`)
      return null
    }
    if (isAlias(node)) return this.readAlias(node)
    if (this.insideAlias > 0 && ++this.aliased > maxAliased) {
      if (this.aliased === maxAliased + 1)
        this.complain(node, `aliases repeat more than ${maxAliased} values`)
      return null
    }
    if (isScalar(node)) return this.readScalar(node)
    if (!isMap(node) && !isSeq(node)) return null
    this.checkTag(node)
    if (this.path.length >= maxDepth) {
      this.complain(node, `is nested more than ${maxDepth} levels deep`)
      return null
    }
    const value = isSeq(node) ? node.items.map((item, i) => this.below(i, item)) : this.readMap(node.items)
    // Only now: an alias inside of what it names would never end.
    if (node.anchor) this.anchors.set(node.anchor, node)
    return value
  }

  private below(segment: string | number, node: unknown): unknown {
    this.path.push(segment)
    const value = this.read(node)
    this.path.pop()
    return value
  }

  private readScalar(node: Scalar): unknown {
    this.checkTag(node)
    if (node.anchor) this.anchors.set(node.anchor, node)
    const { value } = node
    if (typeof value !== 'number') return value
    if (!Number.isFinite(value)) this.complain(node, 'must be a finite number')
    else if (Number.isInteger(value) && !Number.isSafeInteger(value))
      this.complain(node, 'is too large a number to be kept exactly: write it in quotes')
    return value
  }

  private readAlias(alias: Alias): unknown {
    const target = this.anchors.get(alias.source)
    if (!target) {
      this.complain(alias, `the alias *${alias.source} names nothing that was written before it`)
      return null
    }
    if (this.aliased > maxAliased) return null
    this.insideAlias++
    const value = this.read(target)
    this.insideAlias--
    return value
  }

  private readMap(pairs: readonly Pair[]): Record<string, unknown> {
    const result: Record<string, unknown> = {}
    for (const { key: node, value } of pairs) {
      const key = this.readKey(node)
      if (key === undefined) continue
      if (Object.hasOwn(result, key)) this.complain(node, `the key ${show(key)} is written twice`, key)
      else result[key] = this.below(key, value)
    }
    return result
  }

  private readKey(node: unknown): string | undefined {
    const key = keyText(node)
    if (!isScalar(node) || key === undefined) this.complain(node, 'a key must be a plain name')
    else if (key === '<<') this.complain(node, 'merge keys (<<) are not supported: write the keys out', key)
    else if (refusedKeys.has(key)) this.complain(node, `the key ${show(key)} is not allowed`, key)
    else {
      this.checkTag(node)
      if (node.anchor) this.anchors.set(node.anchor, node)
      return key
    }
  }

  private checkTag(node: YamlNode & { tag?: string }): void {
    if (node.tag && !coreTags.has(node.tag))
      this.complain(node, `the tag ${node.tag} is not allowed: only plain YAML is read`)
  }

  private complain(node: unknown, message: string, key?: string): void {
    this.report(isNode(node) ? node : null, key === undefined ? [...this.path] : [...this.path, key], message)
  }
}

const refusedKeys = new Set(['__proto__', 'constructor', 'prototype'])
const coreTags = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`),
)

function keyText(node: unknown): string | undefined {
  if (!isScalar(node) || node.value === null || typeof node.value === 'object') return undefined
  return typeof node.value === 'string' ? node.value : String(node.source ?? node.value)
}

/** Of a key, or of an item of a list; of the nearest thing above it when it is not written. */
function offsetOf(root: YamlNode | null, at: At): number {
  let node: unknown = root
  let offset = root?.range?.[0] ?? 0
  for (const segment of at) {
    let next: unknown
    if (isMap(node)) {
      const pair = node.items.find((item) => keyText(item.key) === String(segment))
      offset = (pair?.key as YamlNode | undefined)?.range?.[0] ?? offset
      next = pair?.value
    } else if (isSeq(node)) {
      next = node.items[Number(segment)]
      offset = (next as YamlNode | undefined)?.range?.[0] ?? offset
    }
    if (!next) return offset
    node = next
  }
  return offset
}

const isEmpty = (node: unknown) => isScalar(node) && node.value === null

interface Trouble {
  offset: number
  message: string
}

export function tooBig(text: string): Trouble | undefined {
  // A character is at most 3 bytes of UTF-8: the exact count is rarely needed.
  if (text.length * 3 <= maxFileBytes || Buffer.byteLength(text) <= maxFileBytes) return undefined
  return { offset: 0, message: 'is larger than 1 MiB' }
}

/** The parser descends once a level: what is far too deep must not reach it. Brackets in strings are counted too, hence the slack. */
function tooDeep(text: string): Trouble | undefined {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x5b || code === 0x7b) depth++
    else if (code === 0x5d || code === 0x7d) depth = Math.max(0, depth - 1)
    if (depth > 10 * maxDepth) return { offset: i, message: `is nested more than ${maxDepth} levels deep` }
  }
  const run = text.search(/^[ ]*(?:[-?:] +){65}/m)
  return run < 0 ? undefined : { offset: run, message: `is nested more than ${maxDepth} levels deep` }
}

function badJson(text: string): Trouble | undefined {
  try {
    JSON.parse(text)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const position = /at position (\d+)/.exec(message)?.[1]
    const offset = position === undefined ? firstBadToken(text) : Number(position)
    return {
      offset,
      message: `is not valid JSON: ${message.replace(/( in JSON)? at position.*|, (\.\.\.)?".*/s, '')}`,
    }
  }
}

/** The engine does not always say where; what is no token of JSON at all is found without it. */
function firstBadToken(text: string): number {
  const token =
    /\s*(?:"(?:[^"\\\p{Cc}]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:])\s*/uy
  let end = 0
  while (token.test(text)) end = token.lastIndex
  return end
}

const yamlMessage = (message: string): string =>
  /call stack/.test(message)
    ? `is nested more than ${maxDepth} levels deep`
    : `is not valid YAML: ${message.split('\n')[0]?.slice(0, 200)}`

/** Line and column of an offset. */
export class Lines {
  private readonly text: string
  private starts: number[] | undefined

  constructor(text: string) {
    this.text = text
  }

  position(offset: number): { line: number; column: number } {
    this.starts ??= lineStarts(this.text)
    let low = 0
    let high = this.starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (this.starts[low] ?? 0) + 1 }
  }
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) starts.push(i + 1)
  return starts
}
