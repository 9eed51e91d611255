import { type Provider, refusal } from './index.ts'

/** A machine that exists. It is entered once by `devops link`; after that it has a record and `create` is not asked. */
export const sshProvider: Provider = {
  name: 'ssh',
  async create({ node }) {
    throw refusal('ssh', 'final', `${node} waits to be linked: devops link ${node}`)
  },
  find: async () => undefined,
  /** Its owner's machine stays as it is. */
  destroy: async () => {},
  sizes: async () => [],
  locations: async () => [],
  images: async () => [],
}
