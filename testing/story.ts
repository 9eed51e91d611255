import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { NodeStatus, Run, Work } from '#contracts/tasker.ts'
import type { Person } from './person.ts'
import type { Plane } from './plane.ts'

const run = promisify(execFile)

/** As much of the API's answer as stories look at. */
export interface NodeAnswer {
  node: string
  server: { id: string; host: string; port: number; host_keys: string[] } | null
  facts: Record<string, unknown>
  applied: { commit: string | null; resources: number } | null
  status: NodeStatus | null
}

/** One view of a repository's state, over the API, with waits for what a story needs. */
export function watch(person: Person, repo: string, plane: Plane) {
  const path = `/v1/repos/${repo}`
  const nodes = () => person.api<NodeAnswer[]>('GET', `${path}/nodes`)
  const works = () => person.api<Work[]>('GET', `${path}/works?limit=200`)
  const runs = (task: string) => person.api<Run[]>('GET', `${path}/runs?task=${task}`)
  const logs = async (query: string) =>
    (await person.api<{ lines: { text: string; seq: number }[] }>('GET', `${path}/logs?limit=10000&${query}`))
      .lines

  const eventually = async <T>(
    what: string,
    look: () => Promise<T | undefined | false>,
    limit = 180_000,
  ): Promise<T> => {
    const end = Date.now() + limit
    for (;;) {
      const found = await look()
      if (found) return found
      if (Date.now() > end) throw new Error(`${what}: not after ${limit / 1000} s\n${await diagnosis()}`)
      await new Promise((done) => setTimeout(done, 100))
    }
  }

  const diagnosis = async (): Promise<string> => {
    const lines = (await logs('')).slice(-40).map(({ text }) => text)
    const last = (await works()).slice(0, 10).map((work) => JSON.stringify(work))
    return [...last, ...lines, plane.output().slice(-3000)].join('\n')
  }

  return {
    nodes,
    works,
    runs,
    logs,
    eventually,
    node: (id: string) => person.api<NodeAnswer>('GET', `${path}/nodes/${id}`),
    /** The node matches this commit. */
    synced: (id: string, commit?: string) =>
      eventually(`node ${id} synced${commit ? ` with ${commit}` : ''}`, async () => {
        const found = (await nodes()).find(({ node }) => node === id)
        const { status, commit: at } = found?.status ?? {}
        return status === 'synced' && (commit === undefined || at === commit) && found
      }),
    gone: (id: string) =>
      eventually(`node ${id} gone`, async () => (await nodes()).every(({ node }) => node !== id)),
    /** Nothing runs, and nothing waits but nodes for their link. */
    idle: () =>
      eventually('no work waits or runs', async () =>
        (await works()).every(
          ({ state, waits_for }) =>
            state !== 'running' && (state !== 'waiting' || /waits to be linked/.test(waits_for ?? '')),
        ),
      ),
    ended: (task: string, count = 1) =>
      eventually(`${count} ended run(s) of ${task}`, async () => {
        const found = (await runs(task)).filter(({ state }) => state !== 'waiting' && state !== 'running')
        return found.length >= count && found
      }),
  }
}

export type Watch = ReturnType<typeof watch>

/** Runs a line as root in a server that provider docker made: a look from outside the platform. */
export async function onServer(container: string, line: string): Promise<string> {
  const { stdout } = await run('docker', ['exec', container, 'sh', '-c', line], {
    maxBuffer: 16 * 1024 * 1024,
  })
  return stdout
}

/** A small node descriptor; `more` is YAML that follows. */
export const server = (id: string, more = ''): string => `id: ${id}
name: ${id}
type: server
provider:
  name: docker
  size: small
${more}`
