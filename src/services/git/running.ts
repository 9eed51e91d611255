/** What is under way: told to stop, and waited for, when the service stops. */
export class Running implements AsyncDisposable {
  readonly #stop = new AbortController()
  readonly #all = new Set<Promise<unknown>>()

  track<T>(act: (stopping: AbortSignal) => Promise<T>): Promise<T> {
    const one = act(this.#stop.signal)
    this.#all.add(one)
    const done = () => this.#all.delete(one)
    one.then(done, done)
    return one
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await Promise.allSettled(this.#all)
  }
}
