/** Masks a stream of text. Hold on to the result of every call: what is shown of a chunk may come with a later one. */
export interface Mask {
  /** The text that is safe to show by now; the end of a chunk is held back while it may be the start of a secret. */
  (chunk: string): string
  /** What is still held back. The stream is over, or pauses long enough to be shown. */
  end(): string
}

const STARS = '***'
/** Shorter pieces of base64 or of a line would mask innocent text. */
const SHORTEST_FORM = 6
/** So much in a row is nobody else's text: it is hidden whatever became of the characters around it. */
const LONG_PIECE = /[A-Za-z0-9]{16,}/g
/** Of a secret that was cut short: fewer characters tell nothing; more are never shown of one. */
const SHORTEST_CUT = 4
const LONGEST_CUT = 200

/** Masks secrets as they are, line by line, in base64 (at any offset in other text), in hex, in URLs and in JSON. */
export function createMask(secrets: readonly string[]): Mask {
  const forms = formsOfAll(secrets)
  let held = ''
  /** So many characters at the start of `held` belong to a secret that was masked already. */
  let masked = 0

  const mask = (chunk: string): string => {
    held += chunk
    return show(held.length - longestStart(held, forms))
  }
  return Object.assign(mask, { end: () => show(held.length) })

  function show(until: number): string {
    if (until === 0) return ''
    const spans = findSpans(held, forms)
    if (masked > 0) spans.unshift([0, masked])
    let shown = ''
    let at = 0
    for (const [start, end] of joined(spans)) {
      if (start >= until) break
      shown += held.slice(at, start)
      if (start > 0 || masked === 0) shown += STARS
      at = end
    }
    shown += held.slice(at, Math.max(at, until))
    held = held.slice(until)
    masked = Math.max(0, at - until)
    return shown
  }
}

/** The same for a text that is there as a whole. A value that was cut short (`got "abc...`) may end inside a secret. */
export function hider(secrets: readonly string[]): (text: string) => string {
  const forms = formsOfAll(secrets)
  return (text) => {
    let shown = ''
    let at = 0
    for (const [start, end] of joined([...findSpans(text, forms), ...findCut(text, forms)].sort(byStart))) {
      shown += text.slice(at, start) + STARS
      at = end
    }
    return shown + text.slice(at)
  }
}

const formsOfAll = (secrets: readonly string[]): string[] => [...new Set(secrets.flatMap(formsOf))]

function formsOf(secret: string): string[] {
  if (secret === '') return []
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= SHORTEST_FORM)
  const json = JSON.stringify(secret).slice(1, -1)
  const hex = Buffer.from(secret).toString('hex')
  const coded = [...base64Forms(secret), hex, hex.toUpperCase()]
  const pieces = secret.match(LONG_PIECE) ?? []
  return [
    secret,
    json,
    ...urlForms(secret),
    ...markupForms(secret),
    ...lines,
    ...pieces,
    ...coded.filter((form) => form.length >= SHORTEST_FORM),
  ]
}

/** As programs write it in addresses and forms, with letters of either size in their codes. */
function urlForms(secret: string): string[] {
  const url = encodeURIComponent(secret.toWellFormed())
  const strict = url.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  const all = [url, strict].flatMap((form) => [form, form.replaceAll('%20', '+')])
  return [...all, ...all.map((form) => form.replace(/%../g, (code) => code.toLowerCase()))]
}

/** In HTML, and as shells quote it when they tell what they run (`set -x`). */
function markupForms(secret: string): string[] {
  const html = secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return [
    html.replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
    secret.replaceAll("'", `'\\''`),
    secret.replaceAll("'", `'"'"'`),
  ]
}

/** In the middle of other text a secret can begin at three places of a base64 group; its outer characters then vary. */
function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const forms = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    const first = Math.ceil((offset * 8) / 6)
    const last = Math.floor(((offset + bytes.length) * 8) / 6)
    return text.slice(first, last)
  })
  return [...forms, ...forms.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'))]
}

type Span = [start: number, end: number]

function findSpans(text: string, forms: readonly string[]): Span[] {
  const spans: Span[] = []
  for (const form of forms)
    for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1))
      spans.push([at, at + form.length])
  return spans.sort(byStart)
}

const byStart = (a: Span, b: Span): number => a[0] - b[0]

/** Starts of secrets right before dots that stand for the rest. */
function findCut(text: string, forms: readonly string[]): Span[] {
  return [...text.matchAll(/\.\.\.|…/g)].flatMap(({ index }): Span[] => {
    const length = longestStart(text.slice(Math.max(0, index - LONGEST_CUT), index), forms)
    return length < SHORTEST_CUT ? [] : [[index - length, index]]
  })
}

/** Spans that overlap as one. */
function joined(spans: readonly Span[]): Span[] {
  const result: Span[] = []
  for (const [start, end] of spans) {
    const last = result.at(-1)
    if (last && start < last[1]) last[1] = Math.max(last[1], end)
    else result.push([start, end])
  }
  return result
}

/** Length of the longest end of a text that is the start, but not the whole, of a form. */
function longestStart(text: string, forms: readonly string[]): number {
  let longest = 0
  for (const form of forms)
    for (let length = Math.min(form.length - 1, text.length); length > longest; length--)
      if (text.endsWith(form.slice(0, length))) longest = length
  return longest
}
