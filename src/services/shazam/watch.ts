import type { Applied, Outcome, OutputLine } from './apply.ts'
import type { Place } from './progress.ts'
import type { Job } from './script.ts'

/** Characters of output that are kept of one resource: a flood must not fill our memory, nor the logs. */
const FLOOD = 4 * 1024 * 1024

/** Follows an apply by its marks. */
export class Watch {
  begun = false
  done = false
  again = false
  armed = false
  /** What was waited for. */
  busy = ''
  /** Why nothing could be begun. */
  disk = ''
  readonly #jobs: Job[]
  readonly #onLine: (line: OutputLine) => void
  readonly #onProgress: ((place: Place) => void) | undefined
  readonly #outcomes = new Map<number, Outcome>()
  #at: number | undefined
  #last: string[] = []
  #printed = 0
  #dropped = 0

  constructor(jobs: Job[], onLine: (line: OutputLine) => void, onProgress?: (place: Place) => void) {
    this.#jobs = jobs
    this.#onLine = onLine
    this.#onProgress = onProgress
  }

  line = (text: string): void => {
    if (this.#last.push(text.slice(0, 1000)) > 5) this.#last.shift()
    this.#printed += text.length + 1
    if (this.#printed <= FLOOD) this.report({ stream: 'stdout', text })
    else this.#dropped++
  }

  /** What is not kept is counted. */
  #endFlood(): void {
    if (this.#dropped > 0)
      this.report({ stream: 'platform', text: `${this.#dropped} more lines of output are not kept` })
    this.#dropped = 0
  }

  report(line: OutputLine): void {
    const name = this.#at === undefined ? undefined : this.#jobs[this.#at]?.name
    this.#onLine({ ...line, ...(name === undefined ? {} : { resource: name }) })
  }

  mark = ([word, ...rest]: string[]): void => {
    const [number, detail] = rest
    const at = Number(number)
    if (word === 'begin') this.begun = true
    if (word === 'done') this.done = true
    if (word === 'again') this.again = true
    if (word === 'disk') this.disk = rest.join(' ')
    if (word === 'wait') this.#wait('another apply is', rest.join(' '))
    if (word === 'left') this.#wait('what an earlier apply has begun is still', rest.join(' '))
    if (word === 'cloud-init')
      this.report({
        stream: 'platform',
        text: 'cloud-init is still at work on this node: waiting for its end',
      })
    if (word === 'start') {
      this.#endFlood()
      this.#printed = 0

      this.#at = at
      this.#last = []
      this.#onProgress?.({ at: at + 1, of: this.#jobs.length, resource: this.#jobs[at]?.name ?? '' })
    }
    if (word === 'end') this.#end(at, Number(detail))
    if (word === 'skip') this.#skip(at, Number(detail))
    if (word === 'armed') this.#armed(number)
    if (word === 'back') this.#back(at, Number(detail))
    if (word === 'restored') this.#restored(at, Number(detail))
  }

  #wait(who: string, what: string): void {
    this.busy = `${who} at work on this node${what ? ` (${what})` : ''}`
    this.report({ stream: 'platform', text: `${this.busy}: waiting for its end` })
  }

  #end(at: number, code: number): void {
    this.#endFlood()
    this.#at = undefined
    const job = this.#jobs[at]
    if (!job?.action && !job?.handler) return
    const result: Outcome['result'] = code === 0 ? 'changed' : code === 77 ? 'unchanged' : 'failed'
    const reason = result === 'failed' ? this.#failure(code) : ''
    this.#outcomes.set(at, { resource: job.name, result, reason })
  }

  #failure(code: number): string {
    return `ended with ${code}${this.#last.length ? `: ${this.#last.join(' / ')}` : ''}`
  }

  #armed(seconds: string | undefined): void {
    this.armed = true
    const text = `from here on a change may cut the link: if we are not back ${seconds} s after the end, the node takes it back`
    this.report({ stream: 'platform', text })
  }

  /** A handler failed with what this resource brought. */
  #back(at: number, by: number): void {
    const resource = this.#jobs[at]?.name ?? ''
    const handler = this.#jobs[by]?.name ?? ''
    const why = this.#outcomes.get(by)?.reason ?? ''
    const reason = `${handler} failed with it (${why}), so the former state is back`
    this.#outcomes.set(at, { resource, result: 'failed', reason })
    this.report({ stream: 'platform', text: `${resource} is given back as it was: ${handler} failed` })
  }

  /** A handler was run once more, with what was given back. */
  #restored(at: number, code: number): void {
    this.#at = undefined
    const resource = this.#jobs[at]?.name ?? ''
    const first = this.#outcomes.get(at)
    const second =
      code === 0 ? 'with the former state it went well' : `with the former state it ${this.#failure(code)}`
    this.report({ stream: 'platform', text: `${resource}: ${second}` })
    if (first?.result === 'failed' || code !== 0)
      this.#outcomes.set(at, {
        resource,
        result: 'failed',
        reason: [first?.reason, second].filter(Boolean).join('; '),
      })
  }

  #skip(at: number, need: number): void {
    const resource = this.#jobs[at]?.name ?? ''
    const reason = `it needs ${this.#jobs[need]?.name}, which failed`
    this.#outcomes.set(at, { resource, result: 'skipped', reason })
    this.report({ stream: 'platform', text: `${resource} is skipped: ${reason}` })
  }

  result(lost: string | undefined, cut = false): Applied {
    const job = this.#at === undefined ? undefined : this.#jobs[this.#at]
    if (this.#at !== undefined && job?.action)
      this.#outcomes.set(this.#at, { resource: job.name, result: 'unfinished', reason: lost ?? '' })
    if (cut) this.#cut()
    return {
      outcomes: [...this.#outcomes.values()],
      again: this.again,
      ...(this.busy && { busy: this.busy }),
      cut,
      ...(lost === undefined ? {} : { lost }),
    }
  }

  #cut(): void {
    const reason = 'no new connection got in after it, so the node gave back the former state by itself'
    for (const [at, { action, name: resource }] of this.#jobs.entries())
      if (action?.cuts && this.#outcomes.get(at)?.result === 'changed') {
        this.#outcomes.set(at, { resource, result: 'failed', reason })
        this.report({ stream: 'platform', text: `${resource}: ${reason}` })
      }
  }
}
