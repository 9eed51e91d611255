import type { Health } from '#contracts/monitor.ts'

export interface Tables {
  /** Nodes with a server, and their last known state. Live figures of probes are kept in memory only. */
  monitor_nodes: {
    repo: string
    node: string
    host: string
    port: number
    state: Health['state']
    /** Milliseconds since the epoch. */
    since: number | null
    reason: string | null
  }
}
