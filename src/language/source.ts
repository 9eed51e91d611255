import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseAllDocuments,
  type Document as YamlDocument,
  type Node as YamlNode,
} from 'yaml'
import type { Finding } from '#contracts/descriptors.ts'
import { show } from './text.ts'

export const maxFileBytes = 1024 * 1024
const maxDepth = 64
/** Values that aliases may repeat: enough for shared blocks, nothing for a bomb. */
const maxAliased = 10_000

/** The way to a value inside a document. */
export type At = readonly (string | number)[]
export type Report = (at: At, message: string, severity?: Finding['severity']) => void

/** One descriptor of a file: its plain value, and a way to complain about any place of it. */
export interface Document {
  path: string
  value: unknown
  report: Report
  /** Where a value is written, `line:column`, both from 1. */
  locate(at: At): { line: number; column: number }
}

/** Reads YAML 1.2 (core schema) or JSON. A file that cannot be read gives findings and no document. */
export function readDocuments(path: string, text: string, findings: Finding[]): Document[] {
  const lines = new Lines(text)
  const complain = (offset: number, message: string) =>
    findings.push({ severity: 'error', path, ...lines.position(offset), at: '', message })
  const problem = tooBig(text) ?? tooDeep(text) ?? (path.endsWith('.json') ? badJson(text) : undefined)
  if (problem) {
    complain(problem.offset, problem.message)
    return []
  }
  const documents = parse(text)
  const broken = documents.flatMap((document) => document.errors)
  for (const error of broken.slice(0, 10)) complain(error.pos[0], yamlMessage(error.message))
  if (broken.length > 0) return []
  return documents
    .filter((document) => document.contents !== null && !isEmpty(document.contents))
    .map((document) => readDocument(path, document, lines, findings))
}

function parse(text: string): YamlDocument.Parsed[] {
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

function readDocument(
  path: string,
  document: YamlDocument.Parsed,
  lines: Lines,
  findings: Finding[],
): Document {
  const root = document.contents as YamlNode | null
  const locate = (at: At) => lines.position(offsetOf(root, at))
  const report: Report = (at, message, severity = 'error') => {
    findings.push({ severity, path, ...locate(at), at: at.join('.'), message })
  }
  const reader = new Reader((node, at, message) => {
    findings.push({
      severity: 'error',
      path,
      ...lines.position(node?.range?.[0] ?? 0),
      at: at.join('.'),
      message,
    })
  })
  return { path, value: reader.read(root, [], 0), report, locate }
}

/** Turns the syntax tree into plain values, and refuses what a descriptor may not contain. */
class Reader {
  private readonly anchors = new Map<string, YamlNode>()
  private aliased = 0
  private insideAlias = 0
  private readonly complain: (node: YamlNode | null, at: At, message: string) => void

  constructor(complain: (node: YamlNode | null, at: At, message: string) => void) {
    this.complain = complain
  }

  read(node: unknown, at: At, depth: number): unknown {
    if (node === null || node === undefined) return null
    if (isAlias(node)) return this.readAlias(node, at, depth)
    if (this.insideAlias > 0 && ++this.aliased > maxAliased) {
      if (this.aliased === maxAliased + 1)
        this.complain(node as YamlNode, at, `aliases repeat more than ${maxAliased} values`)
      return null
    }
    if (isScalar(node)) return this.readScalar(node, at)
    if (!isMap(node) && !isSeq(node)) return null
    this.checkTag(node, at)
    if (depth >= maxDepth) {
      this.complain(node, at, `is nested more than ${maxDepth} levels deep`)
      return null
    }
    const anchor = node.anchor
    const value = isSeq(node)
      ? node.items.map((item, i) => this.read(item, [...at, i], depth + 1))
      : this.readMap(node.items, at, depth)
    // Only now: an alias inside of what it names would never end.
    if (anchor) this.anchors.set(anchor, node)
    return value
  }

  private readScalar(node: YamlNode & { value: unknown }, at: At): unknown {
    this.checkTag(node, at)
    if (isScalar(node) && node.anchor) this.anchors.set(node.anchor, node)
    const { value } = node
    if (typeof value !== 'number') return value
    if (!Number.isFinite(value)) this.complain(node, at, 'must be a finite number')
    else if (Number.isInteger(value) && !Number.isSafeInteger(value))
      this.complain(node, at, 'is too large a number to be kept exactly: write it in quotes')
    return value
  }

  private readAlias(alias: YamlNode & { source: string }, at: At, depth: number): unknown {
    const target = this.anchors.get(alias.source)
    if (!target) {
      this.complain(alias, at, `the alias *${alias.source} names nothing that was written before it`)
      return null
    }
    if (this.aliased > maxAliased) return null
    this.insideAlias++
    const value = this.read(target, at, depth)
    this.insideAlias--
    return value
  }

  private readMap(
    pairs: readonly { key: unknown; value: unknown }[],
    at: At,
    depth: number,
  ): Record<string, unknown> {
    const result: Record<string, unknown> = {}
    for (const pair of pairs) {
      const key = this.readKey(pair.key, at)
      if (key === undefined) continue
      if (Object.hasOwn(result, key))
        this.complain(pair.key as YamlNode, [...at, key], `the key ${show(key)} is written twice`)
      else result[key] = this.read(pair.value, [...at, key], depth + 1)
    }
    return result
  }

  private readKey(node: unknown, at: At): string | undefined {
    const scalar = isScalar(node) ? node : undefined
    const key = keyText(node)
    if (!scalar || key === undefined) this.complain(node as YamlNode | null, at, 'a key must be a plain name')
    else if (key === '<<')
      this.complain(scalar, [...at, key], 'merge keys (<<) are not supported: write the keys out')
    else if (refusedKeys.has(key)) this.complain(scalar, [...at, key], `the key ${show(key)} is not allowed`)
    else {
      this.checkTag(scalar, at)
      if (scalar.anchor) this.anchors.set(scalar.anchor, scalar)
      return key
    }
  }

  private checkTag(node: YamlNode & { tag?: string }, at: At): void {
    const { tag } = node
    if (tag && !coreTags.has(tag))
      this.complain(node, at, `the tag ${tag} is not allowed: only plain YAML is read`)
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
