import { Matcher } from './matcher.ts'

/** Masks a stream of text. Hold on to the result of every call: what is shown of a chunk may come with a later one. */
export interface Mask {
  /** The text that is safe to show by now; the end of a chunk is held back while it may be the start of a secret. */
  (chunk: string): string
  /** What is still held back. The stream is over, or pauses long enough to be shown. */
  end(): string
}

const STARS = '***'
/** Of a secret that was cut short: fewer characters tell nothing; more are never shown of one. */
const SHORTEST_CUT = 4
const LONGEST_CUT = 200

/**
 * Masks secrets as they are, line by line, and as the encoders of common languages write them: base64, base32, hex,
 * dumps, URLs, HTML, JSON, literals of shells, SQL and languages, wrapped or not.
 */
export function createMask(secrets: readonly string[]): Mask {
  const matcher = matcherOf(secrets)
  let held = ''
  /** So many characters at the start of `held` belong to a secret that was masked already. */
  let masked = 0

  const mask = (chunk: string): string => {
    held += chunk
    return show(false)
  }
  return Object.assign(mask, { end: () => show(true) })

  function show(final: boolean): string {
    let shown = ''
    let at: number
    for (at = matcher.next(held, 0); at < held.length; at = matcher.next(held, at + 1)) {
      const { end, open } = matcher.at(held, at, final)
      if (open) break
      if (end <= at) continue
      if (at < masked) masked = Math.max(masked, end)
      else {
        shown += held.slice(masked, at) + STARS
        masked = end
      }
    }
    if (masked < at) shown += held.slice(masked, at)
    held = held.slice(at)
    masked = Math.max(0, masked - at)
    return shown
  }
}

/** The same for a text that is there as a whole. A value that was cut short (`got "abc...`) may end inside a secret. */
export function hider(secrets: readonly string[]): (text: string) => string {
  return (text) => {
    const matcher = matcherOf(secrets)
    let shown = ''
    let masked = 0
    const cut = findCut(text, matcher)
    for (let at = 0; at < text.length; at++) {
      if (cut.size === 0) at = matcher.next(text, at)
      const end = Math.max(matcher.at(text, at, true).end, cut.get(at) ?? -1)
      if (end <= at) continue
      if (at >= masked) shown += text.slice(masked, at) + STARS
      masked = Math.max(masked, end)
    }
    return shown + text.slice(masked)
  }
}

const matchers = new WeakMap<readonly string[], { count: number; matcher: Matcher }>()

/** One list is asked about many texts, from many places. */
function matcherOf(secrets: readonly string[]): Matcher {
  const known = matchers.get(secrets)
  if (known?.count === secrets.length) return known.matcher
  const matcher = new Matcher(secrets)
  matchers.set(secrets, { count: secrets.length, matcher })
  return matcher
}

/** Starts of secrets right before dots that stand for the rest: where each begins and ends. */
function findCut(text: string, matcher: Matcher): Map<number, number> {
  const found = new Map<number, number>()
  for (const { index } of text.matchAll(/\.\.\.|…/g)) {
    const from = Math.max(0, index - LONGEST_CUT)
    const before = text.slice(from, index)
    for (
      let at = matcher.next(before, 0);
      at <= before.length - SHORTEST_CUT;
      at = matcher.next(before, at + 1)
    )
      if (matcher.at(before, at, false).cut) {
        found.set(from + at, index)
        break
      }
  }
  return found
}
