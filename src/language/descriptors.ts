import type { Finding } from '#contracts/descriptors.ts'
import { namePattern } from '#contracts/ids.ts'
import type { Bounds } from './bounds.ts'
import { isTree, textMessage } from './fields.ts'
import { reservedRoots } from './references.ts'
import type { File } from './repository.ts'
import { type Document, readDocuments } from './source.ts'
import { show } from './text.ts'

type Kind = 'nodes' | 'tasks'

/** Descriptors by id, as written. */
export interface Drafts {
  nodes: Map<string, Document>
  tasks: Map<string, Document>
}

/**
 * Reads the files of `nodes/` and `tasks/`, and gives each descriptor the id that it says. `accepted`: see CheckOptions.
 */
export function readDescriptors(
  files: readonly File[],
  findings: Finding[],
  accepted: boolean,
  bounds: Bounds,
): Drafts {
  const drafts: Drafts = { nodes: new Map(), tasks: new Map() }
  for (const { path, content } of files) {
    const kind = /^(nodes|tasks)\/.*\.(?:ya?ml|json)$/s.exec(path)?.[1] as Kind | undefined
    if (!kind) continue
    const before = findings.length
    const documents = readDocuments(path, content, findings, bounds)
    if (documents.length === 0 && !bounds.excess() && findings.length === before)
      findings.push({
        severity: accepted ? 'warning' : 'error',
        path,
        line: 1,
        column: 1,
        at: '',
        message: `holds no ${nouns[kind]}: describe one, or remove the file`,
      })
    for (const document of documents) addDraft(drafts[kind], kind, document)
  }
  return drafts
}

const nouns = { nodes: 'node', tasks: 'task' }

function addDraft(drafts: Map<string, Document>, kind: Kind, document: Document): void {
  const { value, report } = document
  const noun = nouns[kind]
  if (!isTree(value)) {
    report([], `must be a ${noun}, a map of keys and values, got ${show(value)}`)
    return
  }
  const { id } = value
  if (id === undefined || id === null) report([], `id is missing: every ${noun} needs one`)
  else if (typeof id !== 'string') report(['id'], textMessage(id))
  else if (!namePattern.test(id))
    report(
      ['id'],
      `must be letters, digits, - and _, at most 63, and begin with a letter or digit, got ${show(id)}`,
    )
  else if (kind === 'nodes' && reservedRoots.has(id))
    report(['id'], `${show(id)} has a meaning of its own in templates: choose another id`)
  else if (drafts.has(id)) report(['id'], `id ${show(id)} is used already, in ${place(drafts.get(id))}`)
  else drafts.set(id, document)
}

const place = (document: Document | undefined): string =>
  document ? `${document.path}:${document.locate(['id']).line}` : ''
