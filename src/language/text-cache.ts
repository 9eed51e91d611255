/** What was made of texts, by text. Bounded by their length, for what is made of one is as long as it is. */
export class TextCache<T> {
  readonly #limit: number
  readonly #made = new Map<string, T>()
  #length = 0

  /** `limit`: characters of all texts together. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get(text: string): T | undefined {
    return this.#made.get(text)
  }

  keep(text: string, value: T): void {
    if (text.length > this.#limit / 10) return
    if (!this.#made.has(text)) this.#length += text.length
    if (this.#length > this.#limit) {
      this.#made.clear()
      this.#length = text.length
    }
    this.#made.set(text, value)
  }
}
