import type { Entry, Resource } from './resources/kind.ts'

/** All that should be on a node, in order: what compile makes and plan compares. Plain JSON. */
export interface Graph {
  node: string
  resources: Resource[]
  handlers: Handler[]
  /** `SERVICE.NAME` -> shell line that prints a fact. */
  lines: Record<string, string>
  manifest: Entry[]
  /** Addresses of other values that the configuration used. */
  uses: string[]
  /** Shown to nobody; longest first. */
  secrets: string[]
  /** Services whose kept data leave with them; true: all. */
  purge: true | string[]
}

/** Nothing wished: all that is owned leaves, and what is kept stays. */
export const emptyGraph = (node: string): Graph => ({
  node,
  resources: [],
  handlers: [],
  lines: {},
  manifest: [],
  uses: [],
  secrets: [],
  purge: [],
})

/** What runs once, at the end, when a resource that notifies it has changed. */
export interface Handler {
  /** `nginx/reload` */
  id: string
  /** A unit and what is done to it when it runs … */
  unit?: string
  do?: 'reload' | 'restart'
  /** … or lines for sh. */
  run?: string
  /** A shell line that must succeed first. */
  check?: string
  /** Its service, or the last that named it, has left: it has a say only where its unit still runs. */
  left?: boolean
}
