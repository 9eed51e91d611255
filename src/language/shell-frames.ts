import { Problem } from '#kit/problem.ts'
import { show } from './text.ts'

/** The places of a script in which a value can stand, as far as they are told apart. */
export type Heredoc = { mark: string; quoted: boolean; tabs: boolean; code: boolean }
export type HeredocFrame = Heredoc & { kind: 'heredoc'; line: string; hasValue: boolean; lost: boolean }
export type Plain = { kind: 'plain'; depth: number; nested: boolean; code?: boolean; words?: string[] }
export type Arithmetic = { kind: 'arithmetic'; depth: number }
export type Parameter = { kind: 'parameter'; isPlain: boolean }
export type Frame =
  | Plain
  | HeredocFrame
  | Arithmetic
  | Parameter
  | { kind: 'single' | 'double' }
  | { kind: 'comment' | 'backtick' }
  | { kind: 'lost'; why: string }

/** What a value becomes where it stands. `subscript`: of an array. `code`: in a program for another interpreter. */
export function valueAt(
  frame: Frame,
  value: string,
  { subscript, code }: { subscript: boolean; code: boolean },
): string {
  switch (frame.kind) {
    case 'plain':
      if (subscript) return wholeNumber(value, 'in a subscript')
      if (code || frame.code) return harmless(value, PROGRAM, OTHERWISE)
      return isBare(value) ? value : singleQuoted(value)
    case 'single':
      return code ? harmless(value, PROGRAM, OTHERWISE) : value.replaceAll("'", "'\\''")
    case 'double':
      return code ? harmless(value, PROGRAM, OTHERWISE) : value.replace(/[\\$"`]/g, '\\$&')
    case 'comment':
      return value.replace(/[\r\n]/g, ' ')
    case 'heredoc':
      if (frame.code) return harmless(value, PROGRAM, OTHERWISE)
      if (frame.lost) return harmless(value, 'the place in the script is too intricate')
      return frame.quoted ? value : value.replace(/[\\$`]/g, '\\$&')
    case 'arithmetic':
      return wholeNumber(value, 'in $((…))')
    case 'parameter':
      return harmless(value, 'it stands inside a parameter expansion')
    case 'backtick':
      return harmless(value, 'it stands between backticks; $(…) can quote it')
    case 'lost':
      return harmless(value, `the place in the script is too intricate (${frame.why})`)
  }
}

export const PROGRAM = 'it is part of a program for another interpreter'
export const OTHERWISE =
  'Give it in `env:` and read it in the program from there, or as an argument after the program: sh -c \'… "$1"\' sh {{ … }}'

const harmless = (value: string, why: string, otherwise?: string): string =>
  isBare(value) ? value : refuse(value, why, otherwise)

/** Means itself wherever it stands: no quoting, no expansion, no reserved word, no assignment. */
export const isBare = (value: string): boolean =>
  /^[A-Za-z0-9_./:@%+-]+$/.test(value) && !value.includes('..') && !reserved.has(value)

const reserved = new Set(
  'if then else elif fi for while until do done case esac in function select time coproc'.split(' '),
)

const singleQuoted = (value: string): string => `'${value.replaceAll("'", "'\\''")}'`

const IN_VARIABLE = 'Give it to a variable first, X={{ … }}, and use "$X"'

/** The shell computes there: a name, or worse, would be looked into. */
const wholeNumber = (value: string, where: string): string =>
  /^-?\d{1,18}$/.test(value) ? value : refuse(value, `only whole numbers can stand ${where}`)

export function refuse(value: string, why: string, otherwise = IN_VARIABLE): never {
  throw new Problem('invalid', {
    reason: `the value ${show(value)} cannot be put into the script safely: ${why}. ${otherwise}`,
  })
}
