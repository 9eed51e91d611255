import {
  isMap,
  isScalar,
  isSeq,
  parseAllDocuments,
  type Document as YamlDocument,
  type Node as YamlNode,
} from 'yaml'
import type { Finding } from '#contracts/descriptors.ts'
import { Bounds, type Repeated, tooManyDocuments } from './bounds.ts'
import { Lines } from './lines.ts'
import { badJson, maxDepth, tooBig, tooDeep, yamlMessage } from './source-limits.ts'
import { keyText, Reader } from './source-reader.ts'
import { TextCache } from './text-cache.ts'

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

/**
 * Reads YAML 1.2 (core schema) or JSON. A file that cannot be read gives findings and no document. `bounds`: of all
 * files that are read together.
 */
export function readDocuments(
  path: string,
  text: string,
  findings: Finding[],
  bounds = new Bounds(),
): Document[] {
  // It was said of the file that went beyond.
  if (bounds.excess()) return []
  const lines = new Lines(text)
  const remembered = memoryFor(path).get(text)
  if (remembered) {
    const excess = bounds.take(remembered.values.length, remembered.repeated)
    if (excess) return refuse(findings, path, excess)
    const roots = once(() => rootsOf(parse(text) ?? []))
    findings.push(...remembered.warnings.map((warning) => ({ ...warning, path })))
    return structuredClone(remembered.values).map((value, i) =>
      documentOf(path, value, () => roots()[i], lines, findings),
    )
  }
  const complain = (offset: number, message: string) =>
    findings.push({ severity: 'error', path, ...lines.position(offset), at: '', message })
  const problem =
    tooBig(text) ??
    tooDeep(text) ??
    (path.endsWith('.json') ? badJson(text) : undefined) ??
    tooManyDocuments(text)
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
  const repeated: Repeated = { values: 0, text: 0 }
  const documents = rootsOf(parsed).map((root) => {
    const reader = new Reader((node, at, message, severity = 'error') => {
      // In JSON a number is a number, however it is written.
      if (severity === 'warning' && path.endsWith('.json')) return
      const place = lines.position(node?.range?.[0] ?? 0)
      if (findings.length - before < maxFindings)
        findings.push({ severity, path, ...place, at: at.join('.'), message })
    })
    // The documents of one file are counted as they come: all of them together would be too much already.
    const value = bounds.excess() ? null : reader.read(root)
    bounds.take(1, reader.repeated)
    repeated.values += reader.repeated.values
    repeated.text += reader.repeated.text
    return documentOf(path, value, () => root, lines, findings)
  })
  const excess = bounds.excess()
  if (excess) return refuse(findings, path, excess)
  const added = findings.slice(before)
  if (added.every(({ severity }) => severity === 'warning')) remember(path, text, documents, added, repeated)
  return documents
}

function refuse(findings: Finding[], path: string, message: string): [] {
  findings.push({ severity: 'error', path, line: 1, column: 1, at: '', message })
  return []
}

interface Remembered {
  values: unknown[]
  warnings: Finding[]
  repeated: Repeated
}

/** Most files of a push are those of the push before: what was read without an error is kept, by its text. */
const memory = { yaml: new TextCache<Remembered>(MEMORY), json: new TextCache<Remembered>(MEMORY) }
const memoryFor = (path: string) => (path.endsWith('.json') ? memory.json : memory.yaml)

function remember(
  path: string,
  text: string,
  documents: readonly Document[],
  warnings: Finding[],
  repeated: Repeated,
): void {
  // A copy: the caller owns the values and may change them.
  const values = structuredClone(documents.map(({ value }) => value))
  memoryFor(path).keep(text, { values, warnings, repeated })
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
