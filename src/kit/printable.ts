/**
 * What a terminal or a reader could take for something else: control characters except the tab, bidirectional marks,
 * invisible separators, and halves of a surrogate pair.
 */
const HIDDEN = /(?!\t)[\p{Cc}\p{Cs}\p{Bidi_Control}\u200b\u2028\u2029\u2060\ufeff]/gu

/** Text of nodes, commits and people made fit to be shown: ESC becomes a visible `\x1b`, a return `\x0d`. */
export const printable = (text: string): string => text.replace(HIDDEN, visible)

function visible(character: string): string {
  const code = character.charCodeAt(0).toString(16)
  return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u{${code}}`
}
