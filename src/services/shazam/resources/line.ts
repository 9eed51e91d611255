import Type from 'typebox'
import { quote } from '../quote.ts'
import { checkFunction } from './file.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'
import { above } from './owner.ts'
import { Line as OneLine, Path } from './pattern.ts'

export interface Line extends Resource {
  path: string
  text: string
  /** An extended regular expression: the first line that it matches is replaced. */
  match: string
  check?: string
}

/** One line of a file that belongs to somebody else. */
export const lineKind: Kind<Line> = {
  name: 'line',
  schema: Type.Object({
    line: Type.String({ pattern: '^[^\\x00-\\x1f\\x7f]+$', description: 'one line, not empty' }),
    in: Path,
    match: Type.Optional(OneLine),
    check: Type.Optional(Type.String()),
  }),
  wish: (text, item) => ({
    id: `line:${item.in} ${text}`,
    path: item.in as string,
    text,
    match: (item.match as string) ?? '',
    ...(item.check ? { check: item.check as string } : {}),
  }),
  implies: ({ path }) => [...above(path), `file:${path}`],
  ask(wish, questions) {
    const { path, text, match } = wish as Line
    const lines = [`grep -cxF -e ${quote(text)} -- ${quote(path)} || :`]
    if (match) lines.push(`grep -m1 -E -e ${quote(match)} -- ${quote(path)}`)
    questions.answers.set(wish.id, lines.join('\n'))
  },
  plan(wish, state, { hide, stale }) {
    const [count = '', ...found] = (state.answers.get(wish.id) ?? '').split('\n')
    if (Number(count) > 0 && !stale) return unchanged(`${wish.path} has the line ${hide(wish.text)}`)
    const before = found[0] === undefined ? 'none' : JSON.stringify(hide(found[0]))
    return change(
      `line of ${wish.path}: ${before} -> ${JSON.stringify(hide(wish.text))}`,
      `${checkFunction(wish.check)}set_line ${quote([wish.path, wish.text, wish.match])}`,
      { creates: Number(count) === 0 },
    )
  },
  entry: ({ path, text, match }) => ({ path, text, match }),
  keepsBefore: true,
  remove(owned, state) {
    const { path, text } = owned as unknown as Line
    if (!(Number((state.answers.get(owned.id) ?? '').split('\n')[0]) > 0))
      return unchanged(`${path} has the line no more`)
    return change(`take ${JSON.stringify(text)} out of ${path}`, `unset_line ${quote([path, text])}`)
  },
}
