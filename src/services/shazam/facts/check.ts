import { quote } from '../quote.ts'
import type { Fact } from './state.ts'

/** The probe itself reads bytes, for which no locale has to be loaded; what others wrote has the one of an apply. */
const locale = 'LC_ALL=C.UTF-8'

/** By its environment: the arguments of a program are there for every user to read, and a line may hold a secret. */
const look = (limit: string, line: string) =>
  `${locale} devops_run=${quote(line)} timeout ${limit} sh -c 'text=$devops_run; unset devops_run; eval "$text"'`

/** Shell lines that only look. Each has ten seconds, no input, and cannot reach the frame of the answer. */
export const checks: Fact = {
  name: 'checks',
  script: ({ checks }) =>
    [...checks.values()]
      .map((line) => `${look('-k 2 10', line)} </dev/null >/dev/null 2>&1; printf '%s\\n' $?`)
      .join('\n'),
  read(answer, state, questions) {
    const codes = answer.split('\n')
    for (const [at, id] of [...questions.checks.keys()].entries()) {
      state.checks.set(id, codes[at] === '0')
      if (codes[at] === '124' || codes[at] === '137') state.late.add(id)
    }
  },
}

/** What resources ask in shell of their own: all that each prints, NUL between them. */
export const answers: Fact = {
  name: 'answers',
  script: ({ answers }) =>
    [...answers.values()]
      .map(
        (lines) =>
          `${look('-k 2 20', `{\n${lines}\n} | head -c 4000`)} </dev/null 2>/dev/null\ncase $? in 124 | 137) late=" $fact" ;; esac\nprintf '\\0'`,
      )
      .join('\n'),
  read(answer, state, questions) {
    const texts = answer.split('\0')
    for (const [at, id] of [...questions.answers.keys()].entries())
      state.answers.set(id, (texts[at] ?? '').trim())
  },
}

/** The catalog's own facts: the first line that each prints, NUL between them. */
export const lines: Fact = {
  name: 'lines',
  script: ({ lines }) =>
    [...lines.values()]
      .map(
        (line) =>
          `${locale} timeout -k 2 10 sh -c ${quote(line)} </dev/null 2>/dev/null | head -c 1000; printf '\\0'`,
      )
      .join('\n'),
  read(answer, state, questions) {
    const texts = answer.split('\0')
    for (const [at, name] of [...questions.lines.keys()].entries()) {
      const text = (texts[at] ?? '').trim().split('\n')[0]
      if (text) state.lines.set(name, text)
    }
  },
}
