import type { Change, NodeJob, Promised } from '#contracts/shazam.ts'
import { Problem } from '#kit/problem.ts'
import type { ConvergeInput } from './converge.ts'
import type { ServerVerdict } from './servers.ts'

/** A plan that makes a server, or another one, is no permission for less, and the other way round. */
export function keepVerdict(promised: Promised | undefined, verdict: ServerVerdict): void {
  if (!promised) return
  const looked = promised.verdict === 'create' || promised.verdict === 'replace' ? promised.verdict : 'keep'
  if (looked === verdict || (looked === 'keep' && verdict === 'resize')) return
  const said = {
    create: 'it has no server',
    replace: 'its server is another',
    keep: 'it has a server',
    resize: 'it has a server',
  }
  throw moved(promised, `${said[verdict]} now`)
}

/** On a server that was there, exactly what the plan said is done. On a new one there was nothing to look at. */
export function consentOf(promised: Promised | undefined): Pick<ConvergeInput, 'consent'> {
  if (!promised || promised.verdict === 'create' || promised.verdict === 'replace') return {}
  return {
    consent(digest, changes) {
      if (digest !== promised.digest) throw moved(promised, nowSays(changes))
    },
  }
}

const losses = {
  destroy: 'its descriptor is gone, so its server and all data on it would be destroyed',
  replace: 'its server would be destroyed and made again, with all data but those of its volumes',
}

/**
 * The last look before a server is lost. What was judged at the push was the state of then: a server that was made since
 * is a loss that nobody was asked about. Throws `unagreed`.
 */
export function refuseUnagreed({ node, agreed }: NodeJob, loss: keyof typeof losses): void {
  if (agreed !== false) return
  throw new Problem('unagreed', { loss: `${node}: ${losses[loss]}`, option: `${loss}=${node}` })
}

const moved = ({ plan }: Promised, reason: string) => new Problem('plan_moved', { plan, reason })

function nowSays(changes: readonly Change[]): string {
  const real = changes.filter(({ verdict }) => verdict !== 'no change')
  if (real.length === 0) return 'there is nothing to do any more'
  const shown = real.slice(0, 5).map(({ summary }) => summary)
  const more = real.length > shown.length ? ` and ${real.length - shown.length} more` : ''
  return `what would be done now is: ${shown.join('; ')}${more}`
}
