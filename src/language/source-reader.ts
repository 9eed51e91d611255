import {
  type Alias,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Pair,
  type Scalar,
  type Node as YamlNode,
} from 'yaml'
import type { Finding } from '#contracts/descriptors.ts'
import type { Repeated } from './bounds.ts'
import type { At } from './source.ts'
import { maxDepth } from './source-limits.ts'
import { show } from './text.ts'

/** Values that aliases may repeat: enough for shared blocks, nothing for a bomb. */
const maxAliased = 10_000
/** Characters of text and keys that aliases may repeat: a few long values repeated often are a bomb too. */
const maxAliasedText = 1024 * 1024
/** Of one descriptor: far more than anybody writes, few enough to judge each. */
const maxValues = 20_000

export type ReaderReport = (
  node: YamlNode | null,
  at: At,
  message: string,
  severity?: Finding['severity'],
) => void

/** Turns the syntax tree into plain values, and refuses what a descriptor may not contain. */
export class Reader {
  private readonly anchors = new Map<string, YamlNode>()
  /** Where it is. */
  private readonly path: (string | number)[] = []
  private values = 0
  private aliased = 0
  private aliasedText = 0
  private insideAlias = 0
  private readonly report: ReaderReport

  constructor(report: ReaderReport) {
    this.report = report
  }

  /** What the aliases of this document have repeated so far. */
  get repeated(): Repeated {
    return { values: this.aliased, text: this.aliasedText }
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
    if (typeof value === 'string' && this.repeatsTooMuch(node, value)) return null
    if (typeof value !== 'number') return value
    if (!Number.isFinite(value)) this.complain(node, 'must be a finite number')
    else if (Number.isInteger(value) && !Number.isSafeInteger(value))
      this.complain(node, 'is too large a number to be kept exactly: write it in quotes')
    else if (node.type === 'PLAIN' && node.source !== String(value))
      this.report(node, [...this.path], changedNumber(node.source ?? '', value), 'warning')
    return value
  }

  private readAlias(alias: Alias): unknown {
    const target = this.anchors.get(alias.source)
    if (!target) {
      this.complain(alias, `the alias *${alias.source} names nothing that was written before it`)
      return null
    }
    if (this.aliased > maxAliased || this.aliasedText > maxAliasedText) return null
    this.insideAlias++
    const value = this.read(target)
    this.insideAlias--
    return value
  }

  private repeatsTooMuch(node: unknown, text: string): boolean {
    if (this.insideAlias === 0) return false
    const before = this.aliasedText
    this.aliasedText += text.length
    if (this.aliasedText <= maxAliasedText) return false
    if (before <= maxAliasedText)
      this.complain(node, `aliases repeat more than ${maxAliasedText} characters of text`)
    return true
  }

  private readMap(pairs: readonly Pair[]): Record<string, unknown> {
    const result: Record<string, unknown> = {}
    for (const { key: node, value } of pairs) {
      const key = this.readKey(node)
      if (key === undefined || this.repeatsTooMuch(node, key)) continue
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

/** Versions, codes and modes look like numbers: `1.10`, `01234`, `12e3`. */
const changedNumber = (written: string, value: number): string =>
  `${written} is read as the number ${value}: write it in quotes to keep it as text, or as ${value}`

const refusedKeys = new Set(['__proto__', 'constructor', 'prototype'])
const coreTags = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`),
)

/** A key as it is written; undefined when it is no plain name. */
export function keyText(node: unknown): string | undefined {
  if (!isScalar(node) || node.value === null || typeof node.value === 'object') return undefined
  return typeof node.value === 'string' ? node.value : String(node.source ?? node.value)
}
