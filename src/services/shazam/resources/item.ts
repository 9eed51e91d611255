/** An item of `resources` in `service.yml`, rendered. */
export type Item = Record<string, unknown>

/** A shorter name for other items, which are then compiled like any other. One that gives itself is a kind. */
export type Composite = (item: Item) => Item[]

export const rest = (item: Item, ...taken: string[]): Item =>
  Object.fromEntries(Object.entries(item).filter(([key]) => !taken.includes(key)))

/** What would begin a line of its own where it lands is refused. */
export function oneLine(value: unknown, what: string): string {
  const text = String(value)
  if (/[\r\n\0]/.test(text)) throw new Error(`${what} must be one line, got ${JSON.stringify(text)}`)
  return text
}

export const listOf = (value: unknown): unknown[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : [value]
