import type { AddressInfo } from 'node:net'
import { events } from '#contracts'
import { defineService } from '#kit/service.ts'
import { createApp } from './app.ts'
import { createEventLog } from './events.ts'

export interface ApiOptions {
  /** Where to listen; 127.0.0.1 when absent. */
  host?: string
  /** 0: any free port. */
  port: number
  /** Names by which browsers may reach it, besides addresses and localhost. */
  allowedHosts?: readonly string[]
  /** JSON Schemas of descriptors by kind. */
  schemas: () => object
  /** Where it really listens. */
  onListen?(address: { host: string; port: number }): void
}

export const api = defineService<ApiOptions>({
  name: 'api',
  migrations: [],
  async start(
    { bus, clock, log, stack },
    { host = '127.0.0.1', port, allowedHosts = [], schemas, onListen },
  ) {
    const recent = createEventLog()
    const closing = new AbortController()
    const app = await createApp({
      context: { bus, clock, events: recent, schemas },
      log,
      allowedHosts: [host, ...allowedHosts],
      closing: closing.signal,
    })
    stack.defer(() => app.close())
    stack.defer(
      bus.on('api', Object.keys(events) as (keyof typeof events)[], async (event) => recent.add(event)),
    )
    stack.defer(() => closing.abort())
    await app.listen({ host, port })
    onListen?.({ host, port: (app.server.address() as AddressInfo).port })
  },
})
