import { createContext, runInContext } from 'node:vm'

/** What came of comparing a value with a pattern; `hostile`: it took too long, whatever it would have said. */
export type Matching = 'fits' | 'differs' | 'hostile' | 'invalid'

/** Milliseconds of this thread, not of the clock: a machine that is busy makes no pattern hostile. */
const limit = 50
const longest = 4096
/** Steps of a comparison that are nothing. */
const fewSteps = 1_000_000
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
  return lost < mostLost ? matchInTime(pattern, regexp, subject) : 'hostile'
}

/** Who pushes many hostile patterns at once holds up nobody for longer than he does with a few. */
const mostLost = 10
let lost = 0

function lose(pattern: string): 'hostile' {
  if (hostile.size < 1000) hostile.add(pattern)
  // A check is one turn of the event loop.
  if (lost++ === 0) setImmediate(() => (lost = 0)).unref()
  return 'hostile'
}

function matchInTime(pattern: string, regexp: RegExp, subject: string): Matching {
  sandbox.regexp = regexp
  sandbox.subject = subject
  for (let spent = 0; spent < limit; ) {
    const before = process.threadCpuUsage()
    try {
      return runInContext('regexp.test(subject)', sandbox, { timeout: limit }) ? 'fits' : 'differs'
    } catch {
      const { user, system } = process.threadCpuUsage(before)
      spent += (user + system) / 1000
    }
  }
  return lose(pattern)
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

/** Whether trying every way to split so short a text among the repetitions is nothing. */
function isQuick(pattern: string, subject: string): boolean {
  const { nested, repetitions } = costOf(pattern)
  return !nested && (subject.length + 1) ** repetitions <= fewSteps
}

interface Cost {
  /** It can take for ever: a choice inside of a repetition, or a look back at what a group took. */
  nested: boolean
  repetitions: number
}

const costs = new Map<string, Cost>()

function costOf(pattern: string): Cost {
  const known = costs.get(pattern)
  if (known) return known
  const cost = measure(pattern)
  if (costs.size > 1000) costs.clear()
  costs.set(pattern, cost)
  return cost
}

/** An escape, a class, the begin or end of a group, a quantifier, a bar; anything else is one character. */
const token =
  /\\(?:k<[^>]*>|[\s\S])|\[(?:\\[\s\S]|[^\]\\])*\]|\((?:\?[^)]?)?|\)|[*+?]\??|\{\d+(?:,\d*)?\}\??|\||[\s\S]/g

function measure(pattern: string): Cost {
  const cost: Cost = { nested: false, repetitions: 0 }
  // For each open group, and last for the one that was closed before this token: whether it leaves a choice.
  const open: boolean[] = [false]
  let closed = false
  const choose = () => {
    open[open.length - 1] = true
  }
  for (const [text] of pattern.matchAll(token)) {
    const inside = closed
    closed = false
    if (/^\\[1-9k]/.test(text)) cost.nested = true
    if (text.startsWith('(')) open.push(false)
    else if (text === ')') {
      closed = open.pop() ?? false
      if (open.length === 0) open.push(false)
      if (closed) choose()
    } else if (text === '|' || text === '?' || text === '??') choose()
    else if (/^[*+{]./.test(text) || text === '*' || text === '+') {
      if (inside) cost.nested = true
      cost.repetitions++
      choose()
    }
  }
  return cost
}
