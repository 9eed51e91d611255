import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { events } from '#contracts'
import type { Clock } from '#kit/clock.ts'
import { defineService } from '#kit/service.ts'
import { createApp } from './app.ts'
import { createEventLog } from './events.ts'
import type { Trouble } from './route.ts'

export interface ApiOptions {
  /** Where to listen; 127.0.0.1 when absent. */
  host?: string
  /** 0: any free port. */
  port: number
  /** Names by which browsers may reach it, besides addresses and localhost. */
  allowedHosts?: readonly string[]
  /** JSON Schemas of descriptors by kind. */
  schemas: () => object
  /** What keeps the platform from its work at present. */
  troubles?: () => Promise<readonly Trouble[]>
  /** Where it really listens. */
  onListen?(address: { host: string; port: number }): void
}

/** How long a reader may take to see the end of its stream, in milliseconds. */
const GRACE = 2000

export const api = defineService<ApiOptions>({
  name: 'api',
  migrations: [],
  async start(
    { bus, clock, log, stack },
    { host = '127.0.0.1', port, allowedHosts = [], schemas, troubles = async () => [], onListen },
  ) {
    const recent = createEventLog()
    const closing = new AbortController()
    const app = await createApp({
      context: { bus, clock, log, events: recent, schemas, troubles },
      log,
      allowedHosts: [host, ...allowedHosts],
      closing: closing.signal,
    })
    stack.defer(() => close(app, clock))
    stack.defer(
      bus.on('api', Object.keys(events) as (keyof typeof events)[], async (event) => recent.add(event)),
    )
    stack.defer(() => closing.abort())
    await app.listen({ host, port })
    onListen?.({ host, port: (app.server.address() as AddressInfo).port })
  },
})

/** What is open ends by itself; a reader that has fallen asleep does not hold the server up. */
async function close(app: FastifyInstance, clock: Clock): Promise<void> {
  const undo = clock.after(GRACE, () => app.server.closeAllConnections())
  await app.close()
  undo()
}
