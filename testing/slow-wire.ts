import { createServer, connect as dial, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const PIECES = 20

/**
 * A TCP way to a machine on which every byte takes `delay` milliseconds and each direction carries `rate` bytes a
 * second. Not `tc netem`: not every kernel that runs these tests has it.
 */
export async function openSlowWire(
  host: string,
  { delay, rate }: { delay: number; rate: number },
): Promise<AsyncDisposable & { port: number }> {
  const sockets = new Set<Socket>()
  const carry = async (from: Socket, to: Socket) => {
    const size = Math.ceil(rate / PIECES)
    for await (const chunk of from as AsyncIterable<Buffer>)
      for (let at = 0; at < chunk.length; at += size) {
        const piece = chunk.subarray(at, at + size)
        setTimeout(() => to.destroyed || to.write(piece), delay)
        await sleep((1000 * piece.length) / rate)
      }
    setTimeout(() => to.end(), delay)
  }
  const server = createServer({ noDelay: true }, (near) => {
    const far = dial({ host, port: 22, noDelay: true })
    for (const [from, to] of [[near, far] as const, [far, near] as const]) {
      sockets.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => sockets.delete(from))
      carry(from, to).catch(() => to.destroy())
    }
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((done) => server.close(done))
    },
  }
}
