import { isIPv6 } from 'node:net'

/** Filters of templates beyond those of the engine. What they are given is a value of any type. */
export const filters: Readonly<Record<string, (value: unknown) => unknown>> = {
  json: (value) => JSON.stringify(value ?? null),
  host: (value) => hostOf(String(value ?? '')),
  environment_file: (value) => environmentFile(String(value ?? '')),
}

/** An address as it stands before a port: IPv6 in brackets, all else as it is. */
export const hostOf = (address: string): string => (isIPv6(address) ? `[${address}]` : address)

/**
 * Assignments as `Environment=` of systemd takes them, `KEY=value "OTHER=a value"`, as lines of an `EnvironmentFile=`,
 * which only its owner can read. Throws where one is no assignment; the value is not named, for it may be a secret.
 */
export function environmentFile(assignments: string): string {
  return wordsOf(assignments)
    .map((word, at) => {
      const [, name, value = ''] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(word) ?? []
      if (name === undefined)
        throw new Error(
          `assignment ${at + 1} of an environment is not KEY=value; quote the whole of it where it has spaces`,
        )
      return `${name}="${value.replace(/["\\`$]/g, '\\$&')}"\n`
    })
    .join('')
}

/** Split at spaces outside of quotes; the quotes are not part of the words. */
function wordsOf(text: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (const character of text) {
    if (quote === '' && /\s/.test(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (quote === '' && (character === '"' || character === "'")) {
      quote = character
      word ??= ''
    } else if (character === quote) quote = ''
    else word = `${word ?? ''}${character}`
  }
  if (quote !== '') throw new Error(`a ${quote} of an environment is not closed`)
  if (word !== undefined) words.push(word)
  return words
}
