/** How a store is: it writes, it has no room, or nobody knows any more what of it is on the disk. */
export class Health {
  readonly #onBroken: (error: Error) => void
  #broken: Error | undefined
  #full = false
  #refusals = 0

  constructor(onBroken: (error: Error) => void = () => {}) {
    this.#onBroken = onBroken
  }

  /** Why nothing can be written at present. */
  trouble(): string | undefined {
    if (this.#broken) return `the disk did not keep what was written: ${this.#broken.message}`
    return this.#full ? 'the disk is full' : undefined
  }

  /** Throws what broke the store: from then on nothing is written that may or may not last. */
  refuseBroken(): void {
    if (this.#broken) throw this.#broken
  }

  /** Taken before a write, for `wrote`. */
  mark(): number {
    return this.#refusals
  }

  /** What began at this mark was written whole: there is room, unless something was refused meanwhile. */
  wrote(mark: number): void {
    if (mark === this.#refusals) this.#full = false
  }

  /** A statement, a commit or a checkpoint failed. Most failures are the statement's own. */
  failed(error: unknown): void {
    if (isFull(error)) {
      this.#full = true
      this.#refusals++
    } else if (losesWrites(error)) this.break(error as Error)
  }

  /** For good: only a new process, which reads what is really there, knows how things stand. */
  break(error: Error): void {
    if (this.#broken) return
    this.#broken = error
    this.#onBroken(error)
  }
}

const codeOf = (error: unknown): number => Number((error as { errcode?: unknown } | undefined)?.errcode ?? 0)

/** SQLITE_FULL, and SQLITE_IOERR_SHMSIZE: no room for the index of the log. Both come before anything is committed. */
const FULL = new Set([13, 4874])

export const isFull = (error: unknown): boolean => FULL.has(codeOf(error))

/** SQLITE_IOERR_WRITE, _FSYNC, _DIR_FSYNC, _TRUNCATE; SQLITE_CORRUPT and SQLITE_NOTADB of any kind. */
const LOSES = new Set([778, 1034, 1290, 1546])
const losesWrites = (error: unknown): boolean =>
  LOSES.has(codeOf(error)) || [11, 26].includes(codeOf(error) & 0xff)
