import { Automaton, DEAD, type State, WHOLE } from './automaton.ts'
import type { Unit } from './characters.ts'
import { type Form, formsOfAll, type Gap, ROW } from './forms.ts'

export interface Found {
  /** Where the longest secret that begins here ends; -1 when none does. */
  end: number
  /** What comes next could make it another answer. */
  open: boolean
  /** The text ends inside a secret. */
  cut: boolean
}

const NONE: Found = { end: -1, open: false, cut: false }

const MASK = 0x3ffff
/** Of three characters. Two that share a number cost time, and nothing else. */
const keyOf = (first: number, second: number, third: number): number =>
  (Math.imul(Math.imul(first, 7919) + second, 7919) + third) & MASK

/**
 * Finds secrets in a text in whatever form. Many places are passed after one look at three characters, nearly all others
 * by the automaton; what is left is followed form by form.
 */
export class Matcher {
  readonly #automaton: Automaton
  /** Asked only where a row of a dump may begin. */
  readonly #rows: Automaton
  readonly #starts = new Uint8Array(MASK + 1)
  readonly #forms = new Map<number, Form[]>()
  readonly #short: Form[] = []
  /** What may follow the first character of a form where it breaks into the next line at once. */
  readonly #breaks = new Uint8Array(128)
  /** By that first character. */
  readonly #broken = new Map<number, Form[]>()

  constructor(secrets: readonly string[]) {
    const forms = formsOfAll(secrets)
    for (const form of forms) this.#index(form)
    this.#automaton = new Automaton(forms, false)
    this.#rows = new Automaton(forms, true)
  }

  /** The first place from `start` on where a secret may begin; the length of the text when there is none. */
  next(text: string, start: number): number {
    const last = text.length - 2
    const every = this.#short.length > 0
    let first = text.charCodeAt(start)
    let second = text.charCodeAt(start + 1)
    for (let at = start; at < last; at++) {
      const third = text.charCodeAt(at + 2)
      if (every || this.#starts[keyOf(first, second, third)] === 1 || this.#brokenAt(first, second))
        if (this.#run(text, at) !== DEAD) return at
      first = second
      second = third
    }
    for (let at = Math.max(start, last); at < text.length; at++) if (this.#run(text, at) !== DEAD) return at
    return text.length
  }

  #run(text: string, start: number): State {
    const { end, state } = this.#automaton.run(text, start)
    return state !== WHOLE && mayGoOverRows(text, start, end) ? this.#rows.run(text, start).state : state
  }

  /** `final`: nothing comes after the text. */
  at(text: string, start: number, final: boolean): Found {
    const found: Found = { ...NONE }
    const state = this.#run(text, start)
    // Two characters begin very many forms: what comes next will tell.
    if (start + 2 >= text.length && state !== DEAD) found.open = true
    const forms = state === WHOLE || found.open ? this.#formsAt(text, start) : state.forms
    for (const form of forms) follow(form, text, start, found)
    found.open = !final && (found.open || found.cut)
    return found
  }

  #formsAt(text: string, start: number): readonly Form[] {
    if (start + 2 >= text.length) return this.#short
    const first = text.charCodeAt(start)
    const second = text.charCodeAt(start + 1)
    const whole = this.#forms.get(keyOf(first, second, text.charCodeAt(start + 2))) ?? []
    return [...this.#short, ...whole, ...(this.#brokenAt(first, second) ?? [])]
  }

  #brokenAt(first: number, second: number): readonly Form[] | undefined {
    return this.#breaks[second] === 1 ? this.#broken.get(first) : undefined
  }

  #index(form: Form): void {
    if (form.units.length < 3) this.#short.push(form)
    for (const start of startsOf(form))
      this.#add(keyOf(start.charCodeAt(0), start.charCodeAt(1), start.charCodeAt(2)), form)
    // What comes after such a break can be nearly anything.
    const breaks = form.gaps.filter(({ second }) => second === '')
    if (breaks.length === 0) return
    for (const { first } of breaks) for (const char of first) this.#breaks[char.charCodeAt(0)] = 1
    for (const written of [...(form.units[0]?.values() ?? [])].flat())
      if (written.length === 1) this.#addBroken(written.charCodeAt(0), form)
  }

  #addBroken(first: number, form: Form): void {
    const forms = this.#broken.get(first)
    if (!forms) this.#broken.set(first, [form])
    else if (forms.at(-1) !== form) forms.push(form)
  }

  #add(key: number, form: Form): void {
    this.#starts[key] = 1
    const forms = this.#forms.get(key)
    if (!forms) this.#forms.set(key, [form])
    else if (forms.at(-1) !== form) forms.push(form)
  }
}

/** Three characters with which a form may begin: of units, and of the gaps between them. */
function startsOf(form: Form): Set<string> {
  let begun = new Set([''])
  const whole = new Set<string>()
  for (const [i, unit] of form.units.slice(0, 3).entries()) {
    const longer = new Set<string>()
    const take = (text: string) => void (text.length < 3 ? longer : whole).add(text.slice(0, 3))
    for (const start of begun) for (const head of headsOf(unit, 3 - start.length)) take(start + head)
    begun = new Set(form.apart ? [] : longer)
    for (const start of longer) for (const gap of form.gaps) beginGap(start, gap, form.units[i + 1], whole)
  }
  return whole
}

/** An offset begins the next row, or the text ends where one may. */
const NEXT_ROW = /\n(?:[0-9][0-9a-fA-F]{5}|(?:[0-9][0-9a-fA-F]*:?[ \t]*)?$)/y
/** Between the bytes of a row and its end, of which `ROW` in forms.ts is made: characters. */
const LONGEST_REST = 48

/** Of what would begin at `from`, and goes on by `to` in the next row or not at all. */
function mayGoOverRows(text: string, from: number, to: number): boolean {
  if (text.length - to <= ROW.longest) return true
  for (let at = text.indexOf('\n', from); at >= 0 && at <= to + LONGEST_REST; at = text.indexOf('\n', at + 1))
    if (matches(NEXT_ROW, text, at)) return true
  return false
}

const heads = new WeakMap<Unit, Set<string>[]>()

/** The first characters of all ways to write a unit; the whole of shorter ones. */
function headsOf(unit: Unit, length: number): Set<string> {
  const known = heads.get(unit) ?? []
  heads.set(unit, known)
  known[length] ??= new Set([...unit.values()].flat().map((text) => text.slice(0, length)))
  return known[length]
}

function beginGap(start: string, gap: Gap, next: Unit | undefined, whole: Set<string>): void {
  // Where the gap is one character, the next unit comes second.
  const seconds = gap.second === '' || !next ? gap.second : [...gap.second, ...headsOf(next, 1)]
  for (const first of gap.first)
    if (start.length === 2) whole.add(start + first)
    else for (const second of seconds) whole.add(start + first + second)
}

/** Follows all readings of the text at once: a `\` may be one of the secret or begin an escape. */
export function follow(form: Form, text: string, start: number, found: Found): void {
  let places = [start]
  const last = form.units.length - 1
  for (const [i, unit] of form.units.entries()) {
    const next: number[] = []
    for (const place of places) {
      if (place >= text.length) found.cut = true
      for (const written of unit.get(text.charCodeAt(place)) ?? [])
        if (text.startsWith(written, place)) add(next, place + written.length)
        else if (place + written.length > text.length && written.startsWith(text.slice(place)))
          found.cut = true
    }
    if (next.length === 0) return
    places = i === last ? next : [...(form.apart ? [] : next)]
    if (i < last)
      for (const gap of form.gaps) for (const place of next) crossGap(gap, text, place, places, found)
  }
  const end = Math.max(...places)
  found.end = Math.max(found.end, form.rows ? endOfRow(text, start, end, found) : end)
}

function add(places: number[], place: number): void {
  if (!places.includes(place)) places.push(place)
}

function crossGap(gap: Gap, text: string, place: number, places: number[], found: Found): void {
  if (place >= text.length) found.open = true
  else if (gap.first.includes(text.charAt(place))) {
    if (text.length - place <= gap.longest && matches(gap.open, text, place)) found.open = true
    const parts = matches(gap.pattern, text, place)
    if (!parts) return
    const whole = place + parts[0].length
    for (let at = whole - (parts.at(-1)?.length ?? 0); at <= whole; at++) add(places, at)
  }
}

function matches(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

const OFFSET = /\n[0-9][0-9a-fA-F]{5,15}:?[ \t]/
const REST_OF_ROW = /[^\n]{0,80}/y

/** A secret that goes over rows of a dump has its end in the column of text too. */
function endOfRow(text: string, start: number, end: number, found: Found): number {
  if (!OFFSET.test(text.slice(start, end))) return end
  const length = matches(REST_OF_ROW, text, end)?.[0].length ?? 0
  if (length < 80 && end + length === text.length) found.open = true
  return end + length
}
