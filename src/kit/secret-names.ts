import { hider } from './mask/index.ts'

type Tree = Record<string, unknown>

/** Texts that are hidden and have no address of their own: a generated password of a service. */
const UNNAMED = 'a generated password'

/**
 * Names (`secrets.db`, `passwords.web.redis`) of the values that finished texts hold, in any of the spellings that are
 * hidden in logs: so a secret that came by way of a variable or a filter is named as well.
 */
export function secretsIn(
  texts: readonly string[],
  { secrets, passwords, hidden }: { secrets: Tree; passwords: Tree; hidden: readonly string[] },
): string[] {
  const holds = (values: readonly string[]) => {
    const hide = hider(values)
    return texts.some((text) => hide(text) !== text)
  }
  if (hidden.length === 0 || !holds(hidden)) return []
  const named = [...leaves('secrets', secrets), ...leaves('passwords', passwords)]
  const found = named.filter(([, value]) => holds([value])).map(([name]) => name)
  return found.length > 0 ? found.toSorted() : [UNNAMED]
}

function leaves(path: string, value: unknown): [string, string][] {
  if (typeof value === 'string') return value === '' ? [] : [[path, value]]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => leaves(`${path}.${key}`, inner))
}
