import type { Command } from 'commander'
import type { Schemas } from '#client'
import { hostOf } from '#language/filters.ts'
import { examples, optionsOf } from '../command.ts'
import { factRows } from '../facts.ts'
import { ipOf, moved } from '../nodes.ts'
import { must, type Session } from '../session.ts'
import { ago, facts, printable, shortCommit } from '../text.ts'

type NodeView = Schemas['NodeView']

export function info(program: Command, session: Session): void {
  const command = program
    .command('info <node>')
    .description('a node: address, status, services, public key, facts')
    .option('--json', 'print JSON')
    .action(async (node: string, _, self: Command) => {
      const { repo: named, json } = optionsOf<{ json?: boolean }>(self)
      const repo = session.repo(named)
      const view = must(
        await session.client().GET('/v1/repos/{owner}/{repo}/nodes/{node}', {
          params: { path: { ...repo.path, node } },
        }),
      )
      if (json) session.printJson(view)
      else session.print(facts(rows(view, session.now()).filter(([, value]) => value !== '')))
    })
  examples(command, 'devops info web')
}

function rows(view: NodeView, now: number): [string, string][] {
  const { descriptor, server, status, health, applied } = view
  return [
    ['node', view.node],
    ['name', printable(descriptor?.name ?? '')],
    ['status', status ? `${status.status}, ${ago(status.changed_at, now)}` : 'new'],
    ['error', printable(status?.error ?? '')],
    ['waits for', printable(status?.waits_for ?? '')],
    ...drift(status).map((line): [string, string] => ['drift', line]),
    ['health', health ? `${health.state}, seen ${ago(health.checked_at, now)}` : 'unknown'],
    ['reason', printable(health?.reason ?? '')],
    ['ip', ipOf(view)],
    ['provider', server?.provider ?? descriptor?.provider.name ?? ''],
    [
      'server',
      server
        ? printable(`${server.id}, ${server.user}@${hostOf(server.host)}:${server.port}`)
        : 'not made yet',
    ],
    [
      'entered over',
      server?.jump
        ? 'node' in server.jump
          ? server.jump.node
          : `${server.jump.user}@${hostOf(server.jump.host)}:${server.jump.port}`
        : '',
    ],
    ['host keys', server?.host_keys.join(', ') ?? ''],
    [
      'applied',
      applied
        ? `${shortCommit(applied.commit)}, ${applied.resources} resources, ${ago(applied.at, now)}`
        : 'never',
    ],
    [
      'services',
      Object.entries(descriptor?.services ?? {})
        .map(([id, version]) => `${id} ${installed(view, id) ?? version}`)
        .join(', '),
    ],
    ...factRows(view.facts),
  ]
}

function drift(status: NodeView['status']): string[] {
  return (status?.drift?.fields ?? []).map((field) => printable(moved(field)))
}

/** The version that is there, as the node's facts have it. */
function installed({ facts }: NodeView, service: string): string | undefined {
  const found = (facts.services as Record<string, { version?: unknown }> | undefined)?.[service]?.version
  return typeof found === 'string' ? printable(found) : undefined
}
