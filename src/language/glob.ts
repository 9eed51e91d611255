/** A dotted name in parts. */
export type Pattern = readonly string[]

export const split = (name: string): Pattern => name.split('.')

/** Part by part; `*` stands for any piece of a part, and as the last part for all parts that follow. */
export function isMatch(pattern: Pattern, parts: Pattern): boolean {
  const last = pattern.length - 1
  const isOpen = pattern[last] === '*'
  if (isOpen ? parts.length < pattern.length : parts.length !== pattern.length) return false
  return pattern.every((piece, i) => isPieceMatch(piece, parts[i] ?? ''))
}

/** Greedy, with one step back: linear in practice, never exponential. */
function isPieceMatch(piece: string, part: string): boolean {
  if (!piece.includes('*')) return piece === part
  const [first = '', ...rest] = piece.split('*')
  const end = rest.pop() ?? ''
  if (part.length < first.length + end.length || !part.startsWith(first) || !part.endsWith(end)) return false
  let from = first.length
  const stop = part.length - end.length
  for (const middle of rest) {
    const found = part.indexOf(middle, from)
    if (found < 0 || found + middle.length > stop) return false
    from = found + middle.length
  }
  return true
}
