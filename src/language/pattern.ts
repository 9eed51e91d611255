import { createContext, runInContext } from 'node:vm'

/** What came of comparing a value with a pattern; `hostile`: it took too long, whatever it would have said. */
export type Matching = 'fits' | 'differs' | 'hostile' | 'invalid'

const limit = 50
const longest = 4096
const sandbox = createContext(Object.create(null), { codeGeneration: { strings: false, wasm: false } })
const compiled = new Map<string, RegExp | null>()
const hostile = new Set<string>()

/** Anybody may push a pattern, in a service of his repository: it runs with a time limit, and once too slow never again. */
export function matches(pattern: string, value: string): Matching {
  if (hostile.has(pattern)) return 'hostile'
  const regexp = compile(pattern)
  if (!regexp) return 'invalid'
  const subject = value.slice(0, longest)
  if (isQuick(pattern, subject)) return regexp.test(subject) ? 'fits' : 'differs'
  try {
    sandbox.regexp = regexp
    sandbox.subject = subject
    return runInContext('regexp.test(subject)', sandbox, { timeout: limit }) ? 'fits' : 'differs'
  } catch {
    if (hostile.size < 1000) hostile.add(pattern)
    return 'hostile'
  }
}

export function compile(pattern: string): RegExp | null {
  let regexp = compiled.get(pattern)
  if (regexp !== undefined) return regexp
  try {
    regexp = pattern.length > 500 ? null : new RegExp(pattern)
  } catch {
    regexp = null
  }
  if (compiled.size > 1000) compiled.clear()
  compiled.set(pattern, regexp)
  return regexp
}

/** No group, and so few repetitions that even trying every split of so short a text is nothing. */
function isQuick(pattern: string, subject: string): boolean {
  if (/[()|]/.test(pattern)) return false
  const repetitions = pattern.match(/[*+?{]/g)?.length ?? 0
  return repetitions <= 1 || (repetitions <= 3 && subject.length <= 64)
}
