import { CaptureTag, type Context, defaultOperators, type Liquid, toValue } from 'liquidjs'

/** Templates, loops and conditions that are gone through: counted, so that a busy machine refuses nothing. */
const maxSteps = 100_000
/** Characters and items that are read and made on the way to the result. */
const maxSize = 16 * 1024 * 1024
/** Comparisons of characters that take about as long as making one. */
const COMPARED = 64

/** What the engine itself calls for each template, each turn of a loop, and for most of what it makes. */
interface Limiter {
  use(count: number): void
  check(count: number): void
}

class Limit implements Limiter {
  private left: number
  private readonly what: string

  constructor(what: string, left: number) {
    this.what = what
    this.left = left
  }

  use(count: number): void {
    if (count > 0) this.left -= count
    if (this.left < 0) throw new Error(`${this.what} limit exceeded`)
  }

  /** The engine asks with the time of day. */
  check(): void {
    this.use(1)
  }
}

/** Of one rendering. The engine declares its own class, of which it uses two methods. */
export const newLimits = () =>
  ({
    renderLimit: new Limit('template render', maxSteps),
    memoryLimit: new Limit('memory alloc', maxSize),
  }) as unknown as { renderLimit: Context['renderLimit']; memoryLimit: Context['memoryLimit'] }

/** Counts what is written as it is written: what is too long is never built. */
class Emitter {
  buffer = ''
  private readonly limit: Limiter

  constructor({ memoryLimit }: Context) {
    this.limit = memoryLimit
  }

  write(value: unknown): void {
    const text = value === null || value === undefined ? '' : String(value)
    this.limit.use(text.length)
    this.buffer += text
  }
}

export const emitterOf = (context: Context) => new Emitter(context)

/** The engine's own does not count what it keeps. */
class Capture extends CaptureTag {
  override *render(context: Context): Generator<unknown, void, unknown> {
    const emitter = emitterOf(context)
    yield this.liquid.renderer.renderTemplates(this.templates, context, emitter)
    context.bottom()[this.variable] = emitter.buffer
  }
}

/** Makes everything that can make a value larger, or compare long ones, use up the budget of its rendering. */
export function chargeAll(liquid: Liquid): void {
  liquid.registerTag('capture', Capture)
  for (const [name, filter] of Object.entries(liquid.filters))
    liquid.registerFilter(
      name,
      typeof filter === 'function'
        ? charged(name, filter)
        : { ...filter, handler: charged(name, filter.handler) },
    )
}

type Registered = Extract<Parameters<Liquid['registerFilter']>[1], (...args: never[]) => unknown>
type Handler = (this: { context: Context }, value: unknown, ...args: unknown[]) => unknown

const searching = /^(remove|replace|split)/

function charged(name: string, handler: unknown): Registered {
  return function* (this: { context: Context }, value: unknown, ...args: unknown[]) {
    const limit: Limiter = this.context.memoryLimit
    if (typeof value === 'string') limit.use(value.length)
    // Many of these ask something of each item.
    if (Array.isArray(value)) (this.context.renderLimit as Limiter).use(value.length)
    if (searching.test(name)) chargeSearch(value, args[0], limit)
    if (/^date/.test(name) && /%[^A-Za-z%]*\d{3}/.test(String(args[0])))
      throw new Error('a width in a date has at most two digits')
    const result: unknown = yield (handler as Handler).call(this, value, ...args)
    chargeValue(result, limit)
    return result
  } as unknown as Registered
}

/** A list can hold another many times, which can hold another many times: small to keep, endless to write. */
function chargeValue(value: unknown, limit: Limiter): void {
  if (typeof value === 'string') limit.use(value.length)
  else if (Array.isArray(value)) {
    limit.use(value.length)
    for (const item of value)
      if (typeof item === 'object' || typeof item === 'string') chargeValue(item, limit)
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      limit.use(key.length + 1)
      chargeValue(item, limit)
    }
  }
}

function chargeSearch(value: unknown, pattern: unknown, limit: Limiter): void {
  if (typeof value === 'string' && typeof pattern === 'string')
    limit.use((value.length * pattern.length) / COMPARED)
}

type Operator = (left: unknown, right: unknown, context: Context) => unknown

/** `contains` looks through the whole of a text or list. */
export const chargedOperators = {
  ...defaultOperators,
  *contains(left: unknown, right: unknown, context: Context) {
    const value: unknown = yield toValue(left)
    chargeSearch(value, yield toValue(right), context.memoryLimit)
    if (Array.isArray(value)) chargeValue(value, context.memoryLimit)
    return yield (defaultOperators.contains as Operator)(value, right, context)
  },
} as typeof defaultOperators
