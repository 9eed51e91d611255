import type { Form, Gap } from './forms.ts'

/** A place in a form: before a unit, inside one way of writing it, or in a gap after it. */
interface Place {
  readonly id: number
  readonly form: Form
  /** Of the unit that comes next, or that is being read. */
  readonly unit: number
  /** What is left of the way in which the unit is written; empty before a unit. */
  readonly rest: string
  readonly gap?: Gap
  /** How far in the gap. */
  readonly stage?: Stage
}

const STAGES = ['before', 'in', 'in offset'] as const
type Stage = (typeof STAGES)[number]

export interface State {
  readonly places: readonly Place[]
  /** Those that the places are in. */
  readonly forms: ReadonlySet<Form>
  readonly next: Map<number, State>
}

export interface Run {
  end: number
  state: State
}

const stateOf = (places: readonly Place[]): State => ({
  places,
  forms: new Set(places.map(({ form }) => form)),
  next: new Map(),
})

/** Nothing is left that could be a secret. */
export const DEAD = stateOf([])
/** A whole secret was read. */
export const WHOLE = stateOf([])

/** Transitions that are kept; with more than that, made afresh. */
const KEPT = 100_000

/**
 * Tells the places where no secret begins, for all forms of all secrets at once: one look at a table a character, most
 * places are done after three or four. It takes gaps for longer and freer than they are, so what it lets pass has to be
 * followed exactly; what it refuses needs no other look. States are made when a text first leads to them.
 */
export class Automaton {
  readonly #rows: boolean
  readonly #start: State
  readonly #places = new Map<number, Map<string, Place>>()
  #count = 0
  readonly #numbers = new Map<Form, number>()
  #states = new Map<string, State>()
  #kept = 0

  /** `rows`: whether a secret may go over the rows of a dump. Nearly every text would lead there. */
  constructor(forms: readonly Form[], rows: boolean) {
    this.#rows = rows
    for (const form of forms) this.#numbers.set(form, this.#numbers.size)
    const places = forms.map((form) => this.#place(form, 0, ''))
    this.#start = stateOf(places)
  }

  /** Goes on until nothing is left of it, a whole secret was read, or the text ends. */
  run(text: string, start: number): Run {
    let state = this.#start
    for (let at = start; at < text.length; at++) {
      const code = text.charCodeAt(at)
      state = state.next.get(code) ?? this.#make(state, code)
      if (state === DEAD || state === WHOLE) return { end: at, state }
    }
    return { end: text.length, state }
  }

  #make(from: State, code: number): State {
    if (this.#kept > KEPT) this.#forget()
    const reached = new Map<number, Place>()
    let whole = false
    for (const place of from.places)
      for (const next of this.#after(place, code))
        if (next) reached.set(next.id, next)
        else whole = true
    const state = whole ? WHOLE : this.#stateOf([...reached.values()])
    from.next.set(code, state)
    this.#kept++
    return state
  }

  #forget(): void {
    this.#states = new Map()
    this.#start.next.clear()
    this.#kept = 0
  }

  #stateOf(places: Place[]): State {
    if (places.length === 0) return DEAD
    const key = places
      .map(({ id }) => id)
      .sort((a, b) => a - b)
      .join()
    let state = this.#states.get(key)
    if (!state) {
      state = stateOf(places)
      this.#states.set(key, state)
    }
    return state
  }

  /** The places that a character leads to; undefined: a whole secret. */
  *#after(place: Place, code: number): Generator<Place | undefined> {
    const { form, unit, rest, gap, stage } = place
    if (gap) yield* this.#throughGap(place, gap, stage, code)
    else if (rest !== '') {
      if (rest.charCodeAt(0) === code) yield* this.#read(form, unit, rest.slice(1))
    } else
      for (const written of form.units[unit]?.get(code) ?? []) yield* this.#read(form, unit, written.slice(1))
  }

  *#read(form: Form, unit: number, rest: string): Generator<Place | undefined> {
    if (rest !== '') yield this.#place(form, unit, rest)
    else if (unit + 1 >= form.units.length) yield undefined
    else {
      if (!form.apart) yield this.#place(form, unit + 1, '')
      for (const gap of form.gaps)
        if (this.#rows || !gap.offset) yield this.#place(form, unit + 1, '', gap, 'before')
    }
  }

  *#throughGap({ form, unit }: Place, gap: Gap, stage: Stage | undefined, code: number): Generator<Place> {
    const char = String.fromCharCode(code)
    if (stage === 'before' && !gap.first.includes(char)) return
    const inside = stage === 'in offset' ? gap.offset : gap.inside
    // The next row of a dump begins with its offset.
    if (gap.offset && char === '\n') yield this.#place(form, unit, '', gap, 'in offset')
    else if (stage === 'before' || inside?.test(char))
      yield this.#place(form, unit, '', gap, stage === 'in offset' ? stage : 'in')
    else return
    yield this.#place(form, unit, '')
  }

  #place(form: Form, unit: number, rest: string, gap?: Gap, stage?: Stage): Place {
    const number = this.#numbers.get(form) ?? 0
    const key = (number * LONGEST + unit) * 16 + (gap ? form.gaps.indexOf(gap) + 1 : 0) * 4 + stageOf(stage)
    const rests = this.#places.get(key) ?? new Map<string, Place>()
    if (rests.size === 0) this.#places.set(key, rests)
    let place = rests.get(rest)
    if (!place) {
      place = { id: this.#count++, form, unit, rest, ...(gap && { gap }), ...(stage && { stage }) }
      rests.set(rest, place)
    }
    return place
  }
}

/** Units of a form: more than the longest secret has, in whatever form. */
const LONGEST = 1_000_000
const stageOf = (stage: Stage | undefined) => (stage === undefined ? 0 : STAGES.indexOf(stage) + 1)
