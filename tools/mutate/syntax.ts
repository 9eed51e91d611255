import { parseSync } from 'oxc-parser'

/** A node of the ESTree that the parser gives; `start` and `end` are offsets in the source. */
export interface Node {
  type: string
  start: number
  end: number
  // biome-ignore lint/suspicious/noExplicitAny: a walk over every kind of node reads its fields by name.
  [field: string]: any
}

/** Fields that hold types: they are stripped before the program runs. */
const TYPES = new Set([
  'typeAnnotation',
  'returnType',
  'typeParameters',
  'typeArguments',
  'superTypeArguments',
])
/** Nodes that only wrap an expression. */
const WRAPPERS = new Set(['TSAsExpression', 'TSNonNullExpression', 'TSSatisfiesExpression'])
const DECLARATIONS = new Set(['ImportDeclaration', 'ExportAllDeclaration'])

/** undefined: the text is no program. */
export function parse(text: string): Node | undefined {
  const { program, errors } = parseSync('mutated.ts', text)
  return errors.length > 0 ? undefined : (program as unknown as Node)
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'

/** Calls `visit` with each node that runs and those around it, the nearest first. */
export function walk(node: Node, visit: (node: Node, around: Node[]) => void, around: Node[] = []): void {
  if (DECLARATIONS.has(node.type)) return
  if (node.type.startsWith('TS') && !WRAPPERS.has(node.type)) return
  if (!WRAPPERS.has(node.type)) visit(node, around)
  const inner = [node, ...around]
  for (const [field, value] of Object.entries(node)) {
    if (TYPES.has(field)) continue
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walk(child, visit, inner)
  }
}
