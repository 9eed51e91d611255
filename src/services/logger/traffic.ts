/** Who is at the store because somebody waits for it: appends and queries. Work that can wait gives way to them. */
export class Traffic {
  #inside = 0
  readonly #onQuiet: (() => void)[] = []

  get busy(): boolean {
    return this.#inside > 0
  }

  /** Runs `act` as something that somebody waits for. */
  async pass<T>(act: () => Promise<T>): Promise<T> {
    this.#inside++
    try {
      return await act()
    } finally {
      this.#inside--
      if (!this.busy) for (const tell of this.#onQuiet) tell()
    }
  }

  /** Calls `tell` whenever the last one has left. */
  onQuiet(tell: () => void): void {
    this.#onQuiet.push(tell)
  }
}
