import type { Schemas } from '#client'

/** What started a run: `ann by hand`, `webhook deploy from 192.0.2.7`, `cron 0 5 * * * …`, `event node.web.up`. */
export function causeOf({ kind, by, detail, depth }: Schemas['Cause']): string {
  if (kind === 'hand') return `${by} by hand`
  if (kind === 'event') return `event ${detail}${depth > 1 ? `, ${depth} deep` : ''}`
  if (kind === 'cron' || kind === 'drift') return `${kind} ${detail}`
  // An address, or who took a delivery again: no name has a dot or a colon.
  return `${kind} ${detail} ${kind === 'webhook' && /[.:]/.test(by) ? 'from' : 'by'} ${by}`
}
