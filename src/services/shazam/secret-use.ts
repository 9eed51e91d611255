import type { NodeJob } from '#contracts/shazam.ts'
import { hider } from '#kit/mask/index.ts'
import type { Graph } from './graph.ts'
import type { Shazam } from './shazam.ts'

/** Names in one entry of the audit; the rest is counted. */
const NAMED = 50
/** Reached by way of a variable, or made by the platform. */
const UNNAMED = 'by a variable, or generated'

/**
 * Records that a node is about to get secrets, whatever started its sync: a push, a person, drift, a value that moved.
 * Throws `unaudited`: then nothing of it may leave the platform, and the sync is tried again.
 */
export async function recordSecretUse(
  { bus }: Pick<Shazam, 'bus'>,
  { repo, node, work, commit }: NodeJob,
  graph: Graph,
): Promise<void> {
  const names = secretsOf(graph)
  if (names.length === 0) return
  // Not needed to record it: the work has the cause as well.
  const cause = await bus.ask('tasker.get_work', { repo, work }).then(
    (found) => found.cause,
    () => undefined,
  )
  await bus.ask('profiles.record_audit', {
    actor: cause && ['push', 'hand'].includes(cause.kind) ? cause.by : null,
    via: 'platform',
    credential: null,
    from: null,
    action: 'secret.use',
    repo,
    cause: `work ${work}`,
    details: {
      secrets: names.slice(0, NAMED),
      ...(names.length > NAMED && { more: names.length - NAMED }),
      node,
      commit,
      ...(cause && { started_by: { kind: cause.kind, by: cause.by, detail: cause.detail } }),
    },
    outcome: 'done',
    of: null,
  })
}

function secretsOf({ uses, secrets, resources, handlers, lines }: Graph): string[] {
  const named = uses.filter((address) => /^(secrets|passwords)\./.test(address))
  if (named.length > 0 || secrets.length === 0) return named
  const text = JSON.stringify([resources, handlers, lines])
  return hider(secrets)(text) === text ? [] : [UNNAMED]
}
