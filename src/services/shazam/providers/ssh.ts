import { type Provider, refusal } from './index.ts'

/** Its owner has not given a machine to the node yet: no failure, and nothing to try until then. */
export class NotLinked extends Error {
  constructor(node: string) {
    super(`${node} waits to be linked: devops link ${node}`)
  }
}

/** A machine that exists. It is entered once by `devops link`; after that it has a record and `create` is not asked. */
export const sshProvider: Provider = {
  name: 'ssh',
  async create({ node }) {
    throw new NotLinked(node)
  },
  find: async () => undefined,
  /** Its owner's machine stays as it is. */
  destroy: async () => {},
  sizes: async () => [],
  check: () => {},
  canResize: () => false,
  async resize({ node }) {
    throw refusal('ssh', 'final', `${node} is its owner’s: its size is not ours to change`)
  },
  async power({ node }) {
    throw refusal('ssh', 'final', `${node} is its owner’s: its power is not ours to switch`)
  },
  locations: async () => [],
  images: async () => [],
}
