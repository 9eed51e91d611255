import type { Log } from '#kit/log.ts'
import { Problem } from '#kit/problem.ts'
import type { Checked, CheckOptions, File } from '#language'
import { Checker, type CheckerParts } from './checker.ts'

const PROCESSES = 2

/** Judges files of a repository; throws `unjudged` when no judgement comes of it. */
export type Check = (repo: string, files: readonly File[], options: Partial<CheckOptions>) => Promise<Checked>

interface Job {
  owner: string
  run(checker: Checker): Promise<void>
  refuse(error: Error): void
}

/**
 * Two processes that judge descriptors, of which one owner gets one at a time: whoever pushes what takes long holds up
 * his own pushes. One is there from the start; one that dies is replaced when the next is needed.
 */
export class Checkers implements AsyncDisposable {
  readonly #parts: CheckerParts
  readonly #log: Log
  readonly #busy = new Map<Checker, Promise<void>>()
  readonly #idle: Checker[] = []
  readonly #owners = new Set<string>()
  #jobs: Job[] = []
  #stopped = false

  constructor(parts: CheckerParts & { log: Log }) {
    this.#parts = parts
    this.#log = parts.log
    this.#idle.push(new Checker(parts))
  }

  get pids(): number[] {
    return [...this.#busy.keys(), ...this.#idle].flatMap(({ pid, gone }) => (gone || !pid ? [] : pid))
  }

  check: Check = (repo, files, options) => {
    if (this.#stopped) return Promise.reject(stopping())
    const { promise, resolve, reject } = Promise.withResolvers<Checked>()
    const [owner = ''] = repo.split('/')
    const run = (checker: Checker) => checker.check(files, { repo, ...options }).then(resolve, reject)
    this.#jobs.push({ owner, run, refuse: reject })
    this.#next()
    return promise
  }

  #next(): void {
    while (this.#busy.size < PROCESSES) {
      const job = this.#jobs.find(({ owner }) => !this.#owners.has(owner))
      if (!job) return
      this.#jobs = this.#jobs.filter((one) => one !== job)
      this.#owners.add(job.owner)
      const checker = this.#take()
      const work = job.run(checker).finally(() => {
        this.#owners.delete(job.owner)
        this.#busy.delete(checker)
        this.#keep(checker)
        this.#next()
      })
      this.#busy.set(checker, work)
    }
  }

  #take(): Checker {
    for (let checker = this.#idle.pop(); checker; checker = this.#idle.pop()) {
      if (!checker.gone) return checker
      this.#bury(checker)
    }
    return new Checker(this.#parts)
  }

  #keep(checker: Checker): void {
    if (!checker.gone && !this.#stopped) this.#idle.push(checker)
    else this.#bury(checker)
  }

  #bury(checker: Checker): void {
    if (!this.#stopped)
      this.#log.warn({ pid: checker.pid, said: checker.words }, 'a process that judges descriptors has died')
    void checker[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true
    for (const { refuse } of this.#jobs.splice(0)) refuse(stopping())
    const all = [...this.#idle.splice(0), ...this.#busy.keys()]
    const work = [...this.#busy.values()]
    await Promise.all(all.map((checker) => checker[Symbol.asyncDispose]()))
    await Promise.all(work)
  }
}

const stopping = () => new Problem('unjudged', { reason: 'the platform stops' })
