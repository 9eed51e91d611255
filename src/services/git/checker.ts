import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { extname, join } from 'node:path'
import { Problem } from '#kit/problem.ts'
import type { Checked, CheckOptions, File } from '#language'
import { batchesOf, type FromChecker, Pieces, type ToChecker } from './checker-messages.ts'
import type { Limits } from './limits.ts'

export interface CheckerParts extends Pick<CheckOptions, 'catalog' | 'engine'> {
  limits: Pick<Limits, 'judge' | 'memory'>
}

/** Of what a dying process says: the last words, for the log. */
const LAST_WORDS = 2000

/** One process that judges descriptors, one repository at a time. */
export class Checker {
  readonly #child: ChildProcess
  readonly #limits: CheckerParts['limits']
  #words = ''
  /** Why it was killed. */
  #reason: string | undefined
  #gone = false

  constructor({ catalog, engine, limits }: CheckerParts) {
    // TypeScript in a clone, JavaScript in the package: as this file itself.
    const program = join(import.meta.dirname, `checker-process${extname(import.meta.filename)}`)
    this.#limits = limits
    this.#child = fork(program, [], {
      execArgv: [`--max-old-space-size=${limits.memory}`, '--no-warnings'],
      env: cacheOnly(),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child.stderr?.on('data', (chunk) => {
      this.#words = `${this.#words}${chunk}`.slice(-LAST_WORDS)
    })
    for (const end of ['exit', 'error'])
      this.#child.on(end, () => {
        this.#gone = true
      })
    this.#send({ catalog, ...(engine && { engine }) })
    this.#hold(false)
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get gone(): boolean {
    return this.#gone || this.#reason !== undefined
  }

  /** What it said to its standard error, such as why it ran out of memory. */
  get words(): string {
    return this.#words
  }

  /** Throws `unjudged` when it dies or takes too long; it is gone then. */
  async check(files: readonly File[], options: Partial<CheckOptions>): Promise<Checked> {
    this.#hold(true)
    const seconds = this.#limits.judge / 1000
    const timer = setTimeout(() => this.#kill(`it took longer than ${seconds} s`), this.#limits.judge)
    try {
      return await this.#answer(files, options)
    } finally {
      clearTimeout(timer)
      this.#hold(false)
    }
  }

  async #answer(files: readonly File[], options: Partial<CheckOptions>): Promise<Checked> {
    const pieces = new Pieces()
    const done = Promise.withResolvers<Checked>()
    const hear = (message: FromChecker) => {
      if ('json' in message) pieces.add(message)
      else if ('failed' in message)
        done.reject(new Error(`descriptors could not be judged: ${message.failed}`))
      else if ('done' in message) done.resolve(pieces.whole())
    }
    const mourn = () => done.reject(new Problem('unjudged', { reason: this.#reason ?? this.#death() }))
    this.#child.on('message', hear)
    this.#child.once('exit', mourn)
    this.#child.once('error', mourn)
    try {
      if (this.gone) mourn()
      for (const batch of batchesOf(files)) this.#send({ files: batch })
      this.#send({ check: options })
      return await done.promise
    } finally {
      this.#child.off('message', hear)
      this.#child.off('exit', mourn)
      this.#child.off('error', mourn)
    }
  }

  #death(): string {
    if (/heap|out of memory/i.test(this.#words))
      return `it took more than the ${this.#limits.memory} MiB of memory that it may have`
    return 'the process that judges them was killed'
  }

  #send(message: ToChecker): void {
    // What could not be sent shows by the end of the process.
    if (this.#child.connected) this.#child.send(message, () => {})
  }

  #kill(reason: string): void {
    this.#reason ??= reason
    this.#child.kill('SIGKILL')
  }

  /** Nobody waits for an idle one: it must not keep the platform from ending. */
  #hold(wanted: boolean): void {
    const pipe = this.#child.stderr as unknown as { ref(): void; unref(): void } | null
    for (const each of [this.#child, this.#child.channel, pipe]) wanted ? each?.ref() : each?.unref()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#hold(true)
    const ended = this.#gone || this.#child.pid === undefined ? undefined : once(this.#child, 'close')
    this.#kill('the platform stops')
    await ended
  }
}

/** Nothing of the platform's environment but where compiled code lies, which saves half of the start. */
function cacheOnly(): NodeJS.ProcessEnv {
  const { NODE_COMPILE_CACHE } = process.env
  return NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }
}
