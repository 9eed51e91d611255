/** Dotted addresses of the scope tree: `db.ip`, `web.configuration.nginx.http.gzip`, `vars.color`. */

export const headOf = (address: string): string => address.split('.', 1)[0] ?? ''

/** Whether one is the other, or lies below it. */
export const overlap = (a: string, b: string): boolean =>
  a === b || a.startsWith(`${b}.`) || b.startsWith(`${a}.`)

const isTree = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Addresses below `at` whose value differs, each as high as it can be named. Lists are one value. */
export function movedBetween(before: unknown, after: unknown, at: string): string[] {
  if (!isTree(before) || !isTree(after)) return JSON.stringify(before) === JSON.stringify(after) ? [] : [at]
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].flatMap((key) => movedBetween(before[key], after[key], `${at}.${key}`))
}
