import type { Finding, Infrastructure, Node, Service, Task } from '#contracts/descriptors.ts'
import type { Checked, CheckOptions, File } from '#language'

export type ToChecker =
  | Pick<CheckOptions, 'catalog' | 'engine'>
  | { files: File[] }
  | { check: Partial<CheckOptions> }

/** A result comes in pieces of JSON, each read in a turn of its own: a large one must not hold up the platform. */
export type FromChecker = Piece | { done: true } | { failed: string }

export interface Piece {
  part: 'head' | 'nodes' | 'tasks' | 'scripts' | 'services' | 'findings'
  /** A list of items. */
  json: string
}

/** Characters of one message. */
const LONGEST = 128 * 1024

export function* piecesOf({ infrastructure, findings }: Checked): Generator<Piece> {
  const { nodes, tasks, scripts, services, ...head } = infrastructure
  const parts = { head: [head], nodes, tasks, scripts: Object.entries(scripts), services, findings }
  for (const [part, items] of Object.entries(parts))
    for (const json of joined(items)) yield { part: part as Piece['part'], json }
}

function* joined(items: readonly unknown[]): Generator<string> {
  let texts: string[] = []
  let length = 0
  for (const item of items) {
    const text = JSON.stringify(item)
    if (length > 0 && length + text.length > LONGEST) {
      yield `[${texts.join(',')}]`
      texts = []
      length = 0
    }
    texts.push(text)
    length += text.length
  }
  if (texts.length > 0) yield `[${texts.join(',')}]`
}

/** Puts together what `piecesOf` has taken apart. */
export class Pieces {
  private readonly parts: Record<Piece['part'], unknown[]> = {
    head: [],
    nodes: [],
    tasks: [],
    scripts: [],
    services: [],
    findings: [],
  }

  add({ part, json }: Piece): void {
    this.parts[part].push(...(JSON.parse(json) as unknown[]))
  }

  whole(): Checked {
    const { head, nodes, tasks, scripts, services, findings } = this.parts
    const [first] = head as Pick<Infrastructure, 'repo' | 'commit'>[]
    if (!first) throw new Error('a judgement has come without its beginning')
    return {
      infrastructure: {
        ...first,
        nodes: nodes as Node[],
        tasks: tasks as Task[],
        scripts: Object.fromEntries(scripts as [string, string][]),
        services: services as Service[],
      },
      findings: findings as Finding[],
    }
  }
}

/** Files in messages of about the same length. */
export function* batchesOf(files: readonly File[]): Generator<File[]> {
  let batch: File[] = []
  let length = 0
  for (const file of files) {
    if (length > 0 && length + file.content.length > LONGEST) {
      yield batch
      batch = []
      length = 0
    }
    batch.push(file)
    length += file.content.length
  }
  if (batch.length > 0) yield batch
}
