import type { BusEvent, Delivery } from '#bus'
import type { NodeRecord } from '#contracts/registry.ts'
import { enter, type Shazam } from '../shazam.ts'
import { accessLines } from './lines.ts'
import { renewAccess } from './renew.ts'

/** Milliseconds for one node. Who does not answer is left to its sync, which is queued as well. */
const TIME = 20_000
const AT_ONCE = 16

export const accessEvents = ['collaborator.changed', 'profile.changed'] as const

/**
 * Keys and roles have changed: the nodes let in whom they should at once. Their sync would do it too, but it waits for
 * runs, and for whatever else keeps a node from being synced.
 */
export const onAccess =
  (shazam: Shazam) =>
  async ({ data }: BusEvent<(typeof accessEvents)[number]>, { signal }: Delivery): Promise<void> => {
    const { bus } = shazam
    if ('what' in data && (data.what === 'tokens' || data.what === 'about')) return
    const repos =
      'repo' in data
        ? [data.repo]
        : (await bus.ask('profiles.collaborations', { user: data.user })).map(({ repo }) => repo)
    for (const repo of new Set(repos)) await renewRepository(shazam, repo, signal)
  }

async function renewRepository(shazam: Shazam, repo: string, signal: AbortSignal): Promise<void> {
  const { bus } = shazam
  const records = (await bus.ask('registry.list_nodes', { repo })).filter(({ applied }) => applied !== null)
  if (records.length === 0) return
  const [keys, { public_key }] = await Promise.all([
    bus.ask('profiles.node_keys', { repo }),
    bus.ask('registry.platform_key', { repo }),
  ])
  const lines = accessLines({ keys, platformKey: public_key })
  for (let i = 0; i < records.length; i += AT_ONCE)
    await Promise.all(records.slice(i, i + AT_ONCE).map((record) => renewNode(shazam, record, lines, signal)))
}

async function renewNode(
  shazam: Shazam,
  { repo, node, server }: NodeRecord,
  lines: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  if (!server) return
  const { clock, log } = shazam
  const late = new AbortController()
  const undo = clock.after(TIME, () => late.abort())
  try {
    const connection = enter(shazam, { repo, node }, server)
    const done = await renewAccess(connection, lines, AbortSignal.any([signal, late.signal]))
    if (done.length > 0) log.info({ repo, node, done }, 'who may enter a node was changed')
  } catch (error) {
    log.warn({ err: error, repo, node }, 'who may enter a node could not be changed at once: its sync will')
  } finally {
    undo()
  }
}
