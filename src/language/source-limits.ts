export const maxFileBytes = 1024 * 1024
export const maxDepth = 64

/** What must not reach the parser, or is none of its language, and where. */
export interface Trouble {
  offset: number
  message: string
}

export function tooBig(text: string): Trouble | undefined {
  // A character is at most 3 bytes of UTF-8: the exact count is rarely needed.
  if (text.length * 3 <= maxFileBytes || Buffer.byteLength(text) <= maxFileBytes) return undefined
  return { offset: 0, message: 'is larger than 1 MiB' }
}

/** The parser descends once a level: what is far too deep must not reach it. Brackets in strings are counted too, hence the slack. */
export function tooDeep(text: string): Trouble | undefined {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x5b || code === 0x7b) depth++
    else if (code === 0x5d || code === 0x7d) depth = Math.max(0, depth - 1)
    if (depth > 10 * maxDepth) return { offset: i, message: `is nested more than ${maxDepth} levels deep` }
  }
  const run = text.search(/^[ ]*(?:[-?:] +){65}/m)
  return run < 0 ? undefined : { offset: run, message: `is nested more than ${maxDepth} levels deep` }
}

export function badJson(text: string): Trouble | undefined {
  try {
    JSON.parse(text)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const position = /at position (\d+)/.exec(message)?.[1]
    const offset = position === undefined ? firstBadToken(text) : Number(position)
    return {
      offset,
      message: `is not valid JSON: ${message.replace(/( in JSON)? at position.*|, (\.\.\.)?".*/s, '')}`,
    }
  }
}

/** The engine does not always say where; what is no token of JSON at all is found without it. */
function firstBadToken(text: string): number {
  const token =
    /\s*(?:"(?:[^"\\\p{Cc}]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:])\s*/uy
  let end = 0
  while (token.test(text)) end = token.lastIndex
  return end
}

export const yamlMessage = (message: string): string =>
  /call stack/.test(message)
    ? `is nested more than ${maxDepth} levels deep`
    : `is not valid YAML: ${message.split('\n')[0]?.slice(0, 200)}`
