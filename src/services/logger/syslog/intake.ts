import { type NewLine, platformLines } from '#contracts/logger.ts'
import { sleep } from '#kit/clock.ts'
import { createPump } from '#kit/pump.ts'
import type { Parts } from '#kit/service.ts'
import { parseSyslog } from './parse.ts'
import { Senders } from './senders.ts'

/** Messages that may wait: streams are held back from then on, datagrams are dropped and counted. */
const ROOM = 10_000
const BATCH = 1000
/** Milliseconds between two tries to hand over a batch. */
const AGAIN = 1000
/** Milliseconds between two words on what was dropped. */
const TELL = 10_000
/** Addresses that are remembered for that. */
const ADDRESSES = 1000

interface Message {
  address: string
  at: number
  text: string
}

/** From messages to lines: whose they are, without secrets, durable in order of arrival. */
export class Intake implements AsyncDisposable {
  readonly #parts: Parts
  readonly #senders: Senders
  readonly #append: (lines: NewLine[]) => Promise<unknown>
  readonly #stop = new AbortController()
  readonly #dropped = new Map<string, number>()
  readonly #strangers = new Map<string, number>()
  #queue: Message[] = []
  readonly #pump = createPump(() => this.#run())
  #roomy: (() => void)[] = []
  #undoTell: () => void

  constructor(parts: Parts, append: (lines: NewLine[]) => Promise<unknown>) {
    this.#parts = parts
    this.#senders = new Senders(parts.bus, parts.clock)
    this.#append = append
    this.#undoTell = parts.clock.after(TELL, () => this.#tell())
  }

  /** From a stream: resolves when there is room for more. */
  async take(address: string, text: string): Promise<void> {
    this.#enqueue(address, text)
    if (this.#queue.length >= ROOM) await new Promise<void>((done) => this.#roomy.push(done))
  }

  /** A datagram cannot be held back. */
  offer(address: string, text: string): void {
    if (this.#queue.length < ROOM) this.#enqueue(address, text)
    else count(this.#dropped, address)
  }

  #enqueue(address: string, text: string): void {
    if (this.#stop.signal.aborted) return
    this.#queue.push({ address, at: this.#parts.clock.now(), text })
    this.#pump.poke()
  }

  async #run(): Promise<void> {
    // What comes in the same turn goes together.
    await new Promise((done) => setImmediate(done))
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, BATCH)
      if (!(await this.#hand(batch))) return
      this.#queue.splice(0, batch.length)
      if (this.#queue.length < ROOM) for (const done of this.#roomy.splice(0)) done()
    }
  }

  /** False: we stop, and what waits was not acknowledged to anybody. */
  async #hand(batch: readonly Message[]): Promise<boolean> {
    for (;;) {
      try {
        const lines = (await Promise.all(batch.map((message) => this.#lineOf(message)))).filter(
          (line) => line !== undefined,
        )
        if (lines.length > 0) await this.#append(lines)
        return true
      } catch (error) {
        if (this.#stop.signal.aborted) return false
        this.#parts.log.warn({ err: error }, 'syslog messages could not be stored, will try again')
        await sleep(this.#parts.clock, AGAIN, this.#stop.signal)
      }
    }
  }

  async #lineOf({ address, at, text }: Message): Promise<NewLine | undefined> {
    const { host, app, level, text: said } = parseSyslog(text)
    const sender = await this.#senders.find(address, host)
    if (!sender) {
      count(this.#strangers, address)
      return undefined
    }
    const hide = await this.#senders.hiderOf(sender.repo)
    const service = app === '-' ? {} : { service: app }
    return { ...sender, ...service, at, stream: 'syslog', level, text: hide(said).slice(0, 65_536) }
  }

  #tell(): void {
    const at = this.#parts.clock.now()
    const say = (counts: Map<string, number>, why: string): NewLine[] =>
      [...counts].map(([address, number]) => ({
        at,
        repo: platformLines,
        service: 'logger',
        stream: 'platform',
        level: 'warn',
        text: `syslog: ${number} messages from ${address} were dropped: ${why}`,
      }))
    const lines = [
      ...say(this.#dropped, 'they came faster than they could be stored'),
      ...say(this.#strangers, 'this address is no node, or that of several'),
    ]
    this.#dropped.clear()
    this.#strangers.clear()
    if (lines.length > 0)
      this.#append(lines).catch((error: unknown) =>
        this.#parts.log.warn({ err: error, lines: lines.length }, 'what syslog dropped could not be told'),
      )
    if (!this.#stop.signal.aborted) this.#undoTell = this.#parts.clock.after(TELL, () => this.#tell())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#undoTell()
    for (const done of this.#roomy.splice(0)) done()
    await this.#pump.idle()
  }
}

/** Of addresses beyond those that are remembered, all together. */
function count(counts: Map<string, number>, address: string): void {
  const key = counts.has(address) || counts.size < ADDRESSES ? address : 'other addresses'
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
