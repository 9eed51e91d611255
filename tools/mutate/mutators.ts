import type { Node } from './syntax.ts'

/** One wrong change: the text between two offsets becomes another. */
export interface Change {
  start: number
  end: number
  text: string
}

type Mutator = (node: Node, around: Node[], text: string) => Change[]

const become = ({ start, end }: Pick<Node, 'start' | 'end'>, ...texts: string[]): Change[] =>
  texts.map((text) => ({ start, end, text }))
const part = (text: string, { start, end }: Node) => text.slice(start, end)

const NEIGHBOURS: Record<string, string[]> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
}
const LOGICAL: Record<string, string> = { '&&': '||', '||': '&&', '??': '&&' }
const ASSIGNED: Record<string, string> = { '+=': '-=', '-=': '+=', '??=': '=', '||=': '=' }
const SWAPPED: Record<string, string> = {
  every: 'some',
  some: 'every',
  startsWith: 'endsWith',
  endsWith: 'startsWith',
  min: 'max',
  max: 'min',
}
/** A call that narrows, orders or cleans what it is called on: without it the whole comes back. */
const DROPPED = new Set(
  'where whereRef having orderBy limit offset distinct filter toSorted sort toReversed slice trim toLowerCase'.split(
    ' ',
  ),
)
/** What these are called with are names of tables and columns: a wrong one fails at once. */
const QUERY = new Set(
  'where whereRef select selectFrom orderBy insertInto updateTable deleteFrom innerJoin leftJoin onRef column columns groupBy'.split(
    ' ',
  ),
)
const OPERATORS: Record<string, string> = {
  '=': '!=',
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  in: 'not in',
}
const CHECKED = new Set(['IfStatement', 'ConditionalExpression'])
const FUNCTIONS = new Set(['ArrowFunctionExpression', 'FunctionExpression', 'FunctionDeclaration'])

const isCheckOf = (node: Node, parent: Node | undefined) =>
  parent !== undefined && CHECKED.has(parent.type) && parent.test === node
const methodOf = (call: Node | undefined): string | undefined =>
  call?.type === 'CallExpression' && call.callee.type === 'MemberExpression' && !call.callee.computed
    ? call.callee.property.name
    : undefined
/** The words of a log line decide nothing. */
const isLogged = (node: Node, text: string) =>
  node.type === 'CallExpression' &&
  /(^|\.)log\??\.(trace|debug|info|warn|error)$/.test(part(text, node.callee))

const conditions: Mutator = (node, around) => {
  if (CHECKED.has(node.type)) return become(node.test, 'true', 'false')
  if (node.type === 'WhileStatement' || (node.type === 'ForStatement' && node.test))
    return become(node.test, 'false')
  if (node.type === 'UnaryExpression' && node.operator === '!' && !isCheckOf(node, around[0]))
    return become({ start: node.start, end: node.start + 1 }, '')
  return []
}

/** Between two operands, where the operator is. */
function between(node: Node, text: string, ...operators: string[]): Change[] {
  const start = text.indexOf(node.operator, node.left.end)
  return become({ start, end: start + node.operator.length }, ...operators)
}

/** How far apart two things are, and how equal ones are ordered, no order shows. */
const isOrder = (around: Node[]) => around.some((each) => ['sort', 'toSorted'].includes(methodOf(each) ?? ''))
const isText = ({ type, value }: Node) => type === 'TemplateLiteral' || typeof value === 'string'

const operators: Mutator = (node, around, text) => {
  if (node.type === 'BinaryExpression') {
    const plus = node.operator === '+' && !isText(node.left) && !isText(node.right) ? ['-'] : []
    // The other way round is covered by the condition that is always true or always false.
    const near = NEIGHBOURS[node.operator] ?? plus
    if (isOrder(around)) return between(node, text, ...near.slice(-1))
    return between(node, text, ...(isCheckOf(node, around[0]) ? near.slice(0, -1) : near))
  }
  if (node.type === 'LogicalExpression') return between(node, text, LOGICAL[node.operator] ?? '')
  if (node.type === 'AssignmentExpression' && ASSIGNED[node.operator])
    return between(node, text, ASSIGNED[node.operator] ?? '')
  return []
}

const statements: Mutator = (node, around, text) => {
  if (node.type !== 'ExpressionStatement' || node.directive) return []
  const called = node.expression.type === 'AwaitExpression' ? node.expression.argument : node.expression
  return isLogged(called, text) || around[0]?.type === 'ArrowFunctionExpression' ? [] : become(node, ';')
}

/** Values whose own parts are mutated already, or that a function may as well leave out. */
const PARTED = /^(Binary|Logical|Unary|Conditional)Expression$|^BlockStatement$/
const isNothing = ({ type, name }: Node) => type === 'Identifier' && name === 'undefined'

const returns: Mutator = (node) => {
  const value =
    node.type === 'ReturnStatement' ? node.argument : FUNCTIONS.has(node.type) ? node.body : undefined
  if (!value || PARTED.test(value.type) || isNothing(value) || value.type === 'Literal') return []
  return become(value, ' undefined')
}

const calls: Mutator = (node, _around, text) => {
  const method = methodOf(node)
  if (method === undefined) return []
  const { property, optional } = node.callee
  const changes = SWAPPED[method] === undefined ? [] : become(property, SWAPPED[method])
  const dot = text.lastIndexOf('.', property.start)
  if (DROPPED.has(method) && !optional) changes.push({ start: dot, end: node.end, text: '' })
  const [, operator] = node.arguments
  if (method === 'where' && operator && OPERATORS[operator.value])
    changes.push(...become(operator, `'${OPERATORS[operator.value]}'`))
  return changes
}

/** Words with a space are for people: how a sentence is put decides nothing. */
const isSentence = (value: string) => /\S\s+\S/.test(value)
const isName = (node: Node, parent: Node | undefined) =>
  (parent?.type === 'Property' && parent.key === node && !parent.computed) ||
  parent?.type === 'ImportExpression'

const literals: Mutator = (node, around, text) => {
  const [parent] = around
  if (node.type === 'TemplateLiteral' && parent?.type !== 'TaggedTemplateExpression') {
    const words = node.quasis.map((each: Node) => each.value.cooked).join('x')
    return isSentence(words) || around.some((each) => isLogged(each, text)) ? [] : become(node, '``')
  }
  if (node.type === 'ArrayExpression' && node.elements.length > 0) return become(node, '[]')
  if (node.type !== 'Literal' || isName(node, parent)) return []
  if (node.regex) return patterns(node, text)
  if (around.some((each) => isLogged(each, text))) return []
  if (typeof node.value === 'boolean') return become(node, String(!node.value))
  if (typeof node.value === 'number') return isOrder(around) ? [] : become(node, String(node.value + 1))
  if (typeof node.value !== 'string' || isSentence(node.value) || parent?.type === 'ExpressionStatement')
    return []
  const query = QUERY.has(methodOf(parent) ?? '') && parent?.arguments.indexOf(node) !== 2
  if (query) return []
  return become(node, node.value === '' ? "'mutated'" : "''")
}

/** Without its anchors, its flags, and with each class turned round. */
function patterns(node: Node, text: string): Change[] {
  const { pattern, flags } = node.regex as { pattern: string; flags: string }
  const start = node.start + 1
  const changes: Change[] = []
  if (pattern.startsWith('^')) changes.push({ start, end: start + 1, text: '' })
  if (/(^|[^\\])\$$/.test(pattern))
    changes.push({ start: start + pattern.length - 1, end: start + pattern.length, text: '' })
  for (const { index } of pattern.matchAll(/(?<!\\)\[/g)) {
    const at = start + index + 1
    changes.push(text[at] === '^' ? { start: at, end: at + 1, text: '' } : { start: at, end: at, text: '^' })
  }
  for (const { index } of pattern.matchAll(/(?<!\\)\\[dswbDSWB]/g)) {
    const at = start + index + 1
    const letter = text[at] ?? ''
    const other = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()
    changes.push({ start: at, end: at + 1, text: other })
  }
  if (/[ims]/.test(flags))
    changes.push({ start: start + pattern.length + 1, end: node.end, text: flags.replace(/[ims]/g, '') })
  return changes
}

const waits: Mutator = (node, around, text) => {
  if (node.type === 'AwaitExpression') {
    const logged = isLogged(node.argument, text)
    return logged ? [] : become({ start: node.start, end: node.argument.start }, '')
  }
  if (!node.optional || !['MemberExpression', 'CallExpression'].includes(node.type)) return []
  const start = text.indexOf('?.', (node.object ?? node.callee).end)
  const bare = node.type === 'MemberExpression' && !node.computed
  return around.length > 0 ? become({ start, end: start + 2 }, bare ? '.' : '') : []
}

export const mutators: Mutator[] = [conditions, operators, statements, returns, calls, literals, waits]
