/** Documents of one file. */
const maxDocumentsOfFile = 1000
/** Nodes, tasks and services of one repository. */
const maxDocuments = 5000
/** Values, and characters of text and keys, that the aliases of one repository may repeat. */
const maxAliased = 100_000
const maxAliasedText = 4 * 1024 * 1024

/** What the aliases of a descriptor repeat. */
export interface Repeated {
  values: number
  text: number
}

/**
 * What the descriptors of one repository take together. Each has bounds of its own, but thousands of small files that
 * stay below them would still fill the memory.
 */
export class Bounds {
  private documents = 0
  private readonly repeated: Repeated = { values: 0, text: 0 }

  /** Takes documents of a file into account; what is wrong when they are too many. Once it was too much, it stays so. */
  take(documents: number, { values, text }: Repeated): string | undefined {
    this.documents += documents
    this.repeated.values += values
    this.repeated.text += text
    return this.excess()
  }

  excess(): string | undefined {
    if (this.documents > maxDocuments)
      return `the repository holds more than ${maxDocuments} nodes, tasks and services: split it`
    const { values, text } = this.repeated
    if (values > maxAliased)
      return `aliases of all descriptors together repeat more than ${maxAliased} values: write fewer aliases`
    if (text > maxAliasedText)
      return `aliases of all descriptors together repeat more than ${maxAliasedText} characters of text: write fewer aliases`
    return undefined
  }
}

/** Each marker begins a document, also an empty one, and every one costs the parser a run of its own. */
export function tooManyDocuments(text: string): { offset: number; message: string } | undefined {
  let count = 0
  for (const { index } of text.matchAll(/^(?:---|\.\.\.)/gm))
    if (++count > 2 * maxDocumentsOfFile)
      return { offset: index, message: `holds more than ${maxDocumentsOfFile} documents: split the file` }
  return undefined
}
