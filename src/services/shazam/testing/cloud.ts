import type { Made, Provider } from '../providers/index.ts'
import { sshProvider } from '../providers/ssh.ts'

/** A provider that keeps its servers in a list, at an address where nobody answers. */
export interface Cloud extends Provider {
  /** Nodes that have a server there. */
  readonly servers: Map<string, Made>
  /** What was asked of it, in order: `create web`. */
  readonly asked: string[]
  /** Holds up a creation after the server is there. */
  made: () => Promise<void>
}

export function fakeCloud(): Cloud {
  const servers = new Map<string, Made>()
  const asked: string[] = []
  let count = 0
  const cloud: Cloud = {
    ...sshProvider,
    name: 'cloud',
    servers,
    asked,
    made: async () => {},
    check() {},
    async create({ node }) {
      asked.push(`create ${node}`)
      const made = servers.get(node) ?? {
        id: `${node}-${++count}`,
        host: '192.0.2.1',
        port: 22,
        user: 'devops',
        hostKeys: [],
      }
      servers.set(node, made)
      await cloud.made()
      return made
    },
    find: async ({ node }) => servers.get(node),
    async destroy({ node }) {
      asked.push(`destroy ${node}`)
      servers.delete(node)
    },
    async power({ node }, act) {
      asked.push(`${act} ${node}`)
    },
  }
  return cloud
}
