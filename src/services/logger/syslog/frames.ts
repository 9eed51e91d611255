/** Bytes of a message; RFC 5425 §4.3.1 asks for 8,192. */
export const LONGEST = 64 * 1024

const LF = 10
const SPACE = 32
const isDigit = (byte: number | undefined) => byte !== undefined && byte >= 48 && byte <= 57

/**
 * Cuts a stream into messages: by octet counting (`LENGTH SP MESSAGE`, RFC 6587 §3.4.1 and RFC 5425 §4.3) or, when a
 * message begins with `<`, up to its line feed (RFC 6587 §3.4.2). Throws on what is neither: the stream has lost its step.
 */
export class Frames {
  #rest: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): string[] {
    const messages: string[] = []
    this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    for (let frame = this.#next(); frame; frame = this.#next()) messages.push(frame.toString())
    // What is kept must not hold on to a whole chunk.
    this.#rest = Buffer.from(this.#rest)
    return messages
  }

  #next(): Buffer | undefined {
    let start = 0
    while (this.#rest[start] === LF) start++
    const first = this.#rest[start]
    if (first === undefined) return undefined
    return isDigit(first) ? this.#counted(start) : this.#line(start)
  }

  #counted(start: number): Buffer | undefined {
    const space = this.#rest.indexOf(SPACE, start)
    if (space < 0 && this.#rest.length - start <= 6) return undefined
    const digits = this.#rest.toString('latin1', start, space < 0 ? start + 7 : space)
    const length = Number(digits)
    if (!/^\d{1,6}$/.test(digits) || length > LONGEST)
      throw new Error(`a message of ${JSON.stringify(digits)} bytes: at most ${LONGEST} are taken`)
    const end = space + 1 + length
    return this.#rest.length < end ? undefined : this.#take(space + 1, end, end)
  }

  #line(start: number): Buffer | undefined {
    if (this.#rest[start] !== 60) throw new Error('neither a length nor `<` begins a message')
    const end = this.#rest.indexOf(LF, start)
    if ((end < 0 ? this.#rest.length : end) - start > LONGEST)
      throw new Error(`a message of more than ${LONGEST} bytes`)
    return end < 0 ? undefined : this.#take(start, end, end + 1)
  }

  #take(from: number, to: number, next: number): Buffer {
    const frame = this.#rest.subarray(from, to)
    this.#rest = this.#rest.subarray(next)
    return frame
  }
}
