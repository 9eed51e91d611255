import { createServer, connect as dial, type Socket } from 'node:net'

/** A TCP way to a machine that can be cut at a byte. */
export interface Wire extends AsyncDisposable {
  readonly port: number
  /** Where new connections lead. */
  host: string
  /** After so many more bytes, both ways together, all connections are reset, also those that come in the next `ms`. */
  reset(after: number, ms: number): void
  /** After so many more bytes nothing passes and nothing is said, for `ms`; then the connections go on, or are reset. */
  hole(after: number, ms: number, then: 'go on' | 'reset'): void
  /** From now on everything passes; what was held up is reset. */
  heal(): void
  /** How often it was really cut. */
  readonly cuts: number
}

interface Plan {
  left: number
  cut(): void
}

export async function openWire(host: string, port = 22): Promise<Wire> {
  const pairs = new Set<[Socket, Socket]>()
  let plan: Plan | undefined
  let mode: 'open' | 'deaf' | 'refusing' = 'open'
  let timer: NodeJS.Timeout | undefined
  let cuts = 0

  const server = createServer((near) => {
    if (mode === 'refusing') return void near.resetAndDestroy()
    const far = dial({ host: proxy.host, port })
    const pair: [Socket, Socket] = [near, far]
    pairs.add(pair)
    for (const [from, to] of [pair, [far, near] as const]) {
      if (mode === 'deaf') from.pause()
      from.on('data', (chunk: Buffer) => pass(chunk, from, to))
      from.on('end', () => to.end())
      from.on('error', () => {})
      from.on('close', () => {
        pairs.delete(pair)
        to.destroy()
      })
    }
  })

  function pass(chunk: Buffer, from: Socket, to: Socket): void {
    const due = plan !== undefined && plan.left <= chunk.length
    // What comes before the cut is still let through: it is the byte that counts, not the packet.
    const fits = due && plan ? chunk.subarray(0, plan.left) : chunk
    if (plan) plan.left -= fits.length
    if (!to.write(fits)) {
      from.pause()
      to.once('drain', () => mode !== 'deaf' && from.resume())
    }
    if (!due || !plan) return
    const { cut } = plan
    plan = undefined
    cuts++
    cut()
    if (mode === 'deaf') held.push(() => to.write(chunk.subarray(fits.length)))
  }
  const held: (() => void)[] = []

  const resetAll = () => {
    for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy()
    pairs.clear()
    held.length = 0
  }
  const goOn = () => {
    mode = 'open'
    for (const give of held.splice(0)) give()
    for (const pair of pairs) for (const socket of pair) socket.resume()
  }
  const later = (ms: number, act: () => void) => {
    clearTimeout(timer)
    timer = setTimeout(act, ms)
  }

  const proxy = {
    host,
    port: 0,
    get cuts() {
      return cuts
    },
    reset(after: number, ms: number) {
      plan = {
        left: after,
        cut() {
          mode = 'refusing'
          resetAll()
          later(ms, goOn)
        },
      }
    },
    hole(after: number, ms: number, then: 'go on' | 'reset') {
      plan = {
        left: after,
        cut() {
          mode = 'deaf'
          for (const pair of pairs) for (const socket of pair) socket.pause()
          later(ms, () => {
            if (then === 'reset') resetAll()
            goOn()
          })
        },
      }
    },
    heal() {
      clearTimeout(timer)
      plan = undefined
      if (mode !== 'open') resetAll()
      goOn()
    },
    async [Symbol.asyncDispose]() {
      clearTimeout(timer)
      resetAll()
      await new Promise((done) => server.close(done))
    },
  }
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  proxy.port = typeof address === 'object' && address ? address.port : 0
  return proxy
}
