import type { Readable } from 'node:stream'

/** Stands for a field that is longer than the limit: it was read to its end and dropped. */
export const tooLong = Symbol('too long')

/** Reads what hooks say: fields that end in NUL, and pkt-lines. Holds one of them, up to `limit` bytes, in memory. */
export class HookReader {
  readonly #chunks: AsyncIterator<Buffer>
  readonly #limit: number
  #rest: Buffer = Buffer.alloc(0)

  constructor(source: Readable, limit: number) {
    this.#chunks = (source as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
    this.#limit = limit
  }

  /** Undefined at the end. Throws when the field is too long. */
  async field(): Promise<string | undefined> {
    if (this.#rest.length === 0 && !(await this.#fill())) return undefined
    return this.must()
  }

  /** Throws at the end, and when the field is too long. */
  async must(): Promise<string> {
    const field = await this.mustOrTooLong()
    if (field === tooLong) throw new Error('the hook said more than a field may hold')
    return field
  }

  async mustOrTooLong(): Promise<string | typeof tooLong> {
    let held: Buffer[] = []
    let size = 0
    for (;;) {
      const end = this.#rest.indexOf(0)
      const part = end < 0 ? this.#rest : this.#rest.subarray(0, end)
      size += part.length
      if (size > this.#limit) held = []
      else held.push(part)
      this.#rest = end < 0 ? Buffer.alloc(0) : this.#rest.subarray(end + 1)
      if (end >= 0) return size > this.#limit ? tooLong : Buffer.concat(held).toString()
      await this.#mustFill()
    }
  }

  /** The text of a pkt-line; null for a flush packet. */
  async packet(): Promise<string | null> {
    const length = Number.parseInt((await this.#bytes(4)).toString(), 16)
    if (length === 0) return null
    if (!(length >= 4)) throw new Error('the hook said what is no packet')
    return (await this.#bytes(length - 4)).toString().replace(/\n$/, '')
  }

  async #bytes(count: number): Promise<Buffer> {
    while (this.#rest.length < count) await this.#mustFill()
    const bytes = this.#rest.subarray(0, count)
    this.#rest = this.#rest.subarray(count)
    return bytes
  }

  async #mustFill(): Promise<void> {
    if (!(await this.#fill())) throw new Error('the hook ended in the middle of its question')
  }

  async #fill(): Promise<boolean> {
    const { value, done } = await this.#chunks.next()
    if (done) return false
    this.#rest = this.#rest.length === 0 ? value : Buffer.concat([this.#rest, value])
    return true
  }
}
