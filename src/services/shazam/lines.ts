/** Bytes of the longest line that is handed out whole; a longer one comes in pieces, as the logger's lines have room. */
const LONGEST = 16 * 1024
const NEWLINE = 10

/** Cuts a stream of bytes into lines of text, whatever the borders of its chunks; what is no UTF-8 becomes U+FFFD. */
export class LineSplitter {
  readonly #hand: (text: string) => void
  #rest: Buffer = Buffer.alloc(0)

  constructor(hand: (text: string) => void) {
    this.#hand = hand
  }

  push(chunk: Buffer): void {
    let bytes = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk
    for (;;) {
      const end = bytes.indexOf(NEWLINE)
      if (end < 0 && bytes.length <= LONGEST) break
      const whole = end >= 0 && end <= LONGEST
      const cut = whole ? end : characterBorder(bytes, LONGEST)
      this.#give(bytes.subarray(0, cut))
      bytes = bytes.subarray(whole ? cut + 1 : cut)
    }
    this.#rest = Buffer.from(bytes)
  }

  /** The stream has ended: what is left is a line too. */
  end(): void {
    if (this.#rest.length) this.#give(this.#rest)
    this.#rest = Buffer.alloc(0)
  }

  #give(bytes: Buffer): void {
    this.#hand(bytes.toString().replace(/\r$/, ''))
  }
}

/** The nearest place at or before `at` that is not inside a character of UTF-8. */
function characterBorder(bytes: Buffer, at: number): number {
  let cut = at
  while (cut > at - 4 && ((bytes[cut] ?? 0) & 0xc0) === 0x80) cut--
  return cut
}

/**
 * Tells our marks from output. A mark is a line of its own that begins with a random word which the output cannot know;
 * the newline before it (output may not end with one) is ours, so one empty line before a mark is dropped.
 */
export class MarkedOutput {
  readonly #splitter: LineSplitter
  #empty = 0

  constructor(nonce: string, onLine: (text: string) => void, onMark: (words: string[]) => void) {
    const head = `\u001e${nonce} `
    const flush = () => {
      for (; this.#empty > 0; this.#empty--) onLine('')
    }
    this.#splitter = new LineSplitter((text) => {
      if (text.startsWith(head)) {
        this.#empty = Math.max(0, this.#empty - 1)
        flush()
        onMark(text.slice(head.length).split(' '))
      } else if (text === '') {
        if (this.#empty > 0) onLine('')
        else this.#empty = 1
      } else {
        flush()
        onLine(text)
      }
    })
  }

  push(chunk: Buffer): void {
    this.#splitter.push(chunk)
  }

  end(): void {
    this.#splitter.end()
    this.#empty = 0
  }
}
