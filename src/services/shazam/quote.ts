const plain = /^[A-Za-z0-9_/.,:@%+-]+$/
const reserved = /^(if|then|else|elif|fi|do|done|case|esac|while|until|for|in|time|function|select)$/

/**
 * Makes one word, or a list of words, safe for any POSIX shell. The only function of shazam that does; property-tested
 * with a real sh. A NUL cannot travel in an argument, so it throws.
 */
export function quote(words: string | readonly string[]): string {
  return typeof words === 'string' ? quoteWord(words) : words.map(quoteWord).join(' ')
}

function quoteWord(word: string): string {
  if (word.includes('\0')) throw new Error('a NUL byte cannot be passed to a command')
  if (plain.test(word) && !reserved.test(word)) return word
  return `'${word.replaceAll("'", `'\\''`)}'`
}
