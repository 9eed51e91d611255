import type { Log } from '#kit/log.ts'
import type { Store } from '#store'
import type { Tables } from './tables.ts'
import { writeIndex } from './text.ts'
import type { Traffic } from './traffic.ts'

/** Lines that the index may be behind while appends and queries leave no pause; beyond, it takes turns with them. */
const BEHIND = 100_000
/** Milliseconds that a slice in a pause should take, since the pause may end at any moment. */
const PAUSE = 8
/** Lines such a slice has, whatever was measured: fewer would cost as much. */
const LINES = { least: 250, most: 4000 }
/** Of the lines that are too many, a turn takes this part: the further behind, the more it takes from appends. */
const TURN = { part: 0.1, least: 1000, most: 10_000 }

interface Parts {
  store: Store<Tables>
  log: Log
  traffic: Traffic
}

/**
 * Brings lines into the index behind the appends, in the pauses that appends and queries leave, a few milliseconds at a
 * time. Until a line is in, searches read it as it is.
 */
export class TextIndex implements AsyncDisposable {
  readonly #parts: Parts
  readonly #behind: number
  /** As last measured; a guess at first. */
  #linesPerMillisecond = 25
  /** Whether there may be something to index. */
  #due = true
  #go = Promise.withResolvers<void>()
  #stopped = false
  readonly #working: Promise<void>

  constructor(parts: Parts, behind = BEHIND) {
    this.#parts = parts
    this.#behind = behind
    parts.traffic.onQuiet(() => this.#due && this.#go.resolve())
    this.#working = this.#work()
  }

  /** There are new lines. */
  wake(): void {
    this.#due = true
    this.#go.resolve()
  }

  async #work(): Promise<void> {
    for (;;) {
      // Whoever was called by what has just ended comes first.
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#stopped) return
      this.#go = Promise.withResolvers()
      if (!(await this.#step())) await this.#go.promise
    }
  }

  /** Whether it can go on at once, or has to wait for lines or a pause. */
  async #step(): Promise<boolean> {
    try {
      while (this.#parts.traffic.busy && !this.#stopped) if (!(await this.#takeTurn())) return false
      this.#due = false
      const more = await this.#slice(() => this.#linesAPause())
      this.#due ||= more
      return more
    } catch (error) {
      this.#parts.log.error({ err: error }, 'lines could not be indexed; searches read them as they are')
      return false
    }
  }

  #linesAPause(): number {
    const lines = Math.round(PAUSE * this.#linesPerMillisecond)
    return Math.min(Math.max(lines, LINES.least), LINES.most)
  }

  #takeTurn(): Promise<boolean> {
    return this.#slice((waiting) => {
      const over = waiting - this.#behind
      return Math.min(over, Math.max(Math.ceil(over * TURN.part), TURN.least), TURN.most)
    })
  }

  /** Indexes so many of the lines that wait, oldest first. Whether there were any. */
  #slice(share: (waiting: number) => number): Promise<boolean> {
    return this.#parts.store.transaction(async ({ db }) => {
      const { last: from } = await db.selectFrom('logger_indexed').select('last').executeTakeFirstOrThrow()
      const { last: newest } = await db.selectFrom('logger_sequence').select('last').executeTakeFirstOrThrow()
      const to = Math.min(from + share(newest - from), newest)
      if (to <= from) return false
      const started = performance.now()
      await writeIndex(db, from, to)
      await db.updateTable('logger_indexed').set({ last: to }).execute()
      if (to - from >= LINES.least) this.#linesPerMillisecond = (to - from) / (performance.now() - started)
      return true
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true
    this.#go.resolve()
    await this.#working
  }
}
