import type { Schemas } from '#client'
import type { Session } from './session.ts'
import { ago, type Colour, printable, shortCommit } from './text.ts'

type NodeView = Schemas['NodeView']

const colours: Record<string, Colour> = {
  synced: 'green',
  syncing: 'yellow',
  waiting: 'yellow',
  destroying: 'yellow',
  drifted: 'red',
  'out of sync': 'red',
  up: 'green',
  down: 'red',
}

export const headings = ['node', 'status', 'health', 'ip', 'commit', 'changed', 'note'] as const

/** Nodes as a table shows them. */
export function nodeRows({ paint, now }: Session) {
  const coloured = (word: string) => (colours[word] ? paint(colours[word], word) : word)
  return {
    headings,
    row: ({ node, server, status, health, facts, descriptor }: NodeView): string[] => [
      node,
      coloured(status?.status ?? (descriptor ? 'new' : 'removed')),
      coloured(health?.state ?? 'unknown'),
      ipOf({ server, facts }),
      shortCommit(status?.commit),
      ago(status?.changed_at, now()),
      printable(status?.error ?? status?.waits_for ?? driftOf(status) ?? health?.reason ?? ''),
    ],
  }
}

/** `file:/etc/motd mode 644 -> 600 and 2 more` */
function driftOf(status: NodeView['status']): string | undefined {
  const [first, ...more] = status?.drift?.fields ?? []
  if (!first) return undefined
  return `${moved(first)}${more.length > 0 ? ` and ${more.length} more` : ''}`
}

export const moved = ({ resource, attribute, before, after }: Schemas['Drift']): string =>
  `${resource} ${attribute} ${before} -> ${after}`

export const ipOf = ({ facts, server }: Pick<NodeView, 'facts' | 'server'>): string =>
  typeof facts.ip === 'string' ? printable(facts.ip) : (server?.host ?? '-')
