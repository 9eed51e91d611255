import { answerAll } from '#kit/answers.ts'
import { type Outbound, openOutbound } from '#kit/outbound.ts'
import { defineService } from '#kit/service.ts'
import { createDirectory } from './directory.ts'
import { HealthRecords, splitKey } from './health.ts'
import { doubtOf } from './identity.ts'
import { migrations } from './migrations.ts'
import { Watch, type Watched } from './watch.ts'

export interface MonitorOptions {
  /** Milliseconds between two probes of a node; 15 s when absent. */
  interval?: number | undefined
  /** Milliseconds until a probe without a banner counts as failed; 5 s when absent. */
  timeout?: number
  /** Probes at the same time; 32 when absent. */
  concurrency?: number
  /** Milliseconds between two looks at the registry's whole list; 10 minutes when absent. */
  relist?: number
  /** Where nodes may be; nowhere on this machine nor its link when absent. */
  outbound?: Outbound
}

export const monitor = defineService<MonitorOptions>({
  name: 'monitor',
  migrations,
  async start(parts, options) {
    const { interval = 15_000, timeout = 5_000, concurrency = 32, relist = 10 * 60_000 } = options
    const { outbound = openOutbound() } = options
    const records = new HealthRecords(parts)
    const doubt = async (node: Watched, signal: AbortSignal) => {
      const [repo, name] = splitKey(node.key)
      const { server } = await parts.bus.ask('registry.get_node', { repo, node: name }, { signal })
      return doubtOf(node, server?.host_keys ?? [], { clock: parts.clock, timeout, signal, outbound })
    }
    const watch: Watch = new Watch(
      parts.clock,
      { interval, timeout, concurrency, outbound, doubt },
      async (node, outcome) => {
        try {
          await records.count(node.key, outcome)
          if ('reason' in outcome) await directory.refresh(node.key)
        } catch (error) {
          parts.log.error(
            { err: error, node: node.key },
            'the outcome of a probe could not be kept; the next one tries again',
          )
        }
      },
    )
    parts.stack.use(watch)
    const directory = parts.stack.use(await createDirectory(parts, records, watch, relist))
    answerAll(parts, { 'monitor.status': (input) => records.status(input) })
  },
})
