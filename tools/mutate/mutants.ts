import { createHash } from 'node:crypto'
import { type Change, mutators } from './mutators.ts'
import { type Node, parse, walk } from './syntax.ts'

export interface Mutant {
  /** The same as long as the lines around it, its function and its neighbours of the same words stay. */
  id: string
  line: number
  /** Names of the functions around it, the outermost first: `createVault.put`. */
  within: string
  /** The lines that change, before and after, without indentation. */
  before: string
  after: string
  /** The whole file, changed. */
  source: string
}

const nameOf = (node: Node): string | undefined =>
  node.type === 'VariableDeclarator' || node.type === 'FunctionDeclaration'
    ? node.id?.name
    : node.type === 'MethodDefinition' || (node.type === 'Property' && /Function/.test(node.value.type))
      ? node.key.name
      : undefined

/** The lines that a change touches, and the same lines after it. */
function linesOf(text: string, { start, end, text: put }: Change): [before: string, after: string] {
  const from = text.lastIndexOf('\n', start - 1) + 1
  const newline = text.indexOf('\n', end)
  const to = newline === -1 ? text.length : newline
  const trim = (lines: string) =>
    lines
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .join('\n')
  return [trim(text.slice(from, to)), trim(text.slice(from, start) + put + text.slice(end, to))]
}

/** Every wrong change of a file that still is a program, in the order of the file. */
export function mutantsOf(text: string): Mutant[] {
  const program = parse(text)
  if (!program) throw new Error('the file does not parse')
  const found: (Change & { within: string })[] = []
  walk(program, (node, around) => {
    for (const mutate of mutators)
      for (const change of mutate(node, around, text)) {
        const names = [node, ...around].map(nameOf).filter((name) => name !== undefined)
        found.push({ ...change, within: names.reverse().join('.') })
      }
  })
  const seen = new Map<string, number>()
  return found
    .sort((a, b) => a.start - b.start)
    .flatMap((change) => {
      const source = text.slice(0, change.start) + change.text + text.slice(change.end)
      if (source === text || !parse(source)) return []
      const [before, after] = linesOf(text, change)
      const words = JSON.stringify([change.within, before, after])
      const nth = (seen.get(words) ?? 0) + 1
      seen.set(words, nth)
      const id = createHash('sha256').update(`${words} ${nth}`).digest('hex').slice(0, 12)
      const line = text.slice(0, change.start).split('\n').length
      return [{ id, line, within: change.within, before, after, source }]
    })
}
