import type { OutputLine } from '../apply.ts'
import { type Converged, converge } from '../converge.ts'
import type { Graph } from '../graph.ts'
import type { Entry } from '../resources/kind.ts'
import { type ServerOptions, startServer, type TestServer } from './server.ts'

export interface Made extends Converged {
  /** Remote executions that it took. */
  trips: number
  /** Resources that were not as wished. */
  did: string[]
}

/** A real server that graphs are applied to, one after the other; what is owned is remembered as the registry would. */
export interface Converging extends AsyncDisposable {
  server: TestServer
  sh: TestServer['sh']
  lines: OutputLine[]
  applied: Entry[]
  make(graph: Graph): Promise<Made>
  /** As `make`; throws when anything failed. */
  made(graph: Graph): Promise<Made>
}

export async function startConverging(options?: ServerOptions): Promise<Converging> {
  const server = await startServer(options)
  const self: Converging = {
    server,
    sh: server.sh,
    lines: [],
    applied: [],
    async make(graph) {
      self.lines.length = 0
      const { connection } = server
      const before = connection.trips
      const onLine = (line: OutputLine) => void self.lines.push(line)
      const result = await converge({ connection, graph, applied: self.applied, onLine })
      self.applied = result.manifest
      const did = result.changes.filter(({ verdict }) => verdict !== 'no change' && verdict !== 'skipped')
      return { ...result, trips: connection.trips - before, did: did.map(({ resource }) => resource) }
    },
    async made(graph) {
      const result = await self.make(graph)
      if (result.failed.length > 0 || result.lost !== undefined)
        throw new Error(`${JSON.stringify(result.failed)} ${result.lost ?? ''}`)
      return result
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
  return self
}
