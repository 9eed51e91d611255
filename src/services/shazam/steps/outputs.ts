/** Bytes that are read of `$DEVOPS_OUTPUT`. */
export const MOST = 65_536

const NAME = '[A-Za-z_][A-Za-z0-9_]*'
const LINE = new RegExp(`^(${NAME})=(.*)$`)
const OPENING = new RegExp(`^(${NAME})<<(\\S+)$`)

/**
 * What a step wrote for later steps: lines `KEY=value`, and values of several lines between `KEY<<WORD` and `WORD`. The
 * last value of a key counts; what is neither is passed over.
 */
export function parseOutputs(text: string): Record<string, string> {
  const found = new Map<string, string>()
  const lines = text.split('\n')
  for (let i = 0; i < lines.length; i++) {
    const line = (lines[i] ?? '').replace(/\r$/, '')
    const [, name, value] = LINE.exec(line) ?? []
    if (name !== undefined) found.set(name, value ?? '')
    const [, key, word] = OPENING.exec(line) ?? []
    const end =
      key === undefined ? -1 : lines.findIndex((each, k) => k > i && each.replace(/\r$/, '') === word)
    if (key === undefined || end < 0) continue
    found.set(key, lines.slice(i + 1, end).join('\n'))
    i = end
  }
  return Object.fromEntries(found)
}
