import type { NodeRecord } from '#contracts/registry.ts'
import { sleep } from '#kit/clock.ts'
import type { Parts } from '#kit/service.ts'
import { type HealthRecords, keyOf, splitKey } from './health.ts'
import type { Watch } from './watch.ts'

/** The registry may start after us: so long until it is asked again. */
const RETRY = 1000

const changes = ['node.*.create.success', 'node.*.update.success', 'node.*.delete.success'] as const

export interface Directory extends AsyncDisposable {
  /** Asks where a node is: it may have moved without an event, when it was found again by what entered it. */
  refresh(key: string): Promise<void>
}

/**
 * Keeps the list of watched nodes like the registry's: by the events that change it, and by reading the whole list at
 * the start and every `relist` milliseconds, since a linked server announces nothing.
 */
export async function createDirectory(
  { bus, store, clock, log }: Parts,
  records: HealthRecords,
  watch: Watch,
  relist: number,
): Promise<Directory> {
  const stopping = new AbortController()
  for (const row of await records.list()) watch.follow({ key: keyOf(row), host: row.host, port: row.port })
  const undo = bus.on('monitor', changes, async ({ data: { repo, node } }, delivery) => {
    const record = watchable(await bus.ask('registry.get_node', { repo, node }, { signal: delivery.signal }))
    // Most syncs move no server: they are completed together, without a transaction each.
    if (!(await records.knows(record))) await delivery.once((tx) => records.save(tx, record))
    apply(record)
  })
  const listing = keepListing()
  return {
    async refresh(key) {
      try {
        await refresh(key)
      } catch (error) {
        if (!stopping.signal.aborted)
          log.warn({ err: error, node: key }, 'where a node is cannot be asked; asked again soon')
      }
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await undo()
      await listing
    },
  }

  function apply(record: Pick<NodeRecord, 'repo' | 'node' | 'server'>): void {
    const key = keyOf(record)
    if (record.server) watch.follow({ key, host: record.server.host, port: record.server.port })
    else watch.forget(key)
  }

  async function keepListing(): Promise<void> {
    while (!stopping.signal.aborted) {
      const done = await readList()
      await sleep(clock, done ? relist : RETRY, stopping.signal)
    }
  }

  async function readList(): Promise<boolean> {
    try {
      const list = await bus.ask('registry.list_nodes', {}, { signal: stopping.signal })
      await reconcile(list.map(watchable))
      return true
    } catch (error) {
      if (!stopping.signal.aborted)
        log.warn({ err: error }, 'the registry does not list its nodes; asked again soon')
      return false
    }
  }

  /** What differs is asked for once more: the list may be older than an event that came meanwhile. */
  async function reconcile(list: readonly NodeRecord[]): Promise<void> {
    const known = new Map((await records.list()).map((row) => [keyOf(row), addressOf(row)]))
    const wanted = new Map(list.map((record) => [keyOf(record), addressOf(record.server)]))
    for (const key of new Set([...known.keys(), ...wanted.keys()])) {
      if (known.get(key) !== wanted.get(key)) await refresh(key)
    }
  }

  async function refresh(key: string): Promise<void> {
    const [repo, node] = splitKey(key)
    const record = watchable(await bus.ask('registry.get_node', { repo, node }, { signal: stopping.signal }))
    if (await records.knows(record)) return
    await store.transaction((tx) => records.save(tx, record))
    apply(record)
  }
}

const addressOf = (at: { host: string; port: number } | null): string | undefined =>
  at ? `${at.host} ${at.port}` : undefined

/** What lies behind another server has an address that is none from here: nothing is said of it, rather than `down`. */
const watchable = (record: NodeRecord): NodeRecord =>
  record.server?.jump ? { ...record, server: null } : record
