import { hider } from '#kit/mask.ts'
import { Problem } from '#kit/problem.ts'
import type { Resource } from './resources/kind.ts'

/** A file that is wished whole and a line in it would undo one another at every sync. */
export function refuseLinesOfOurs(resources: readonly Resource[]): void {
  const whole = new Set(
    resources.filter((one) => one.kind === 'file' && !(one as { once?: boolean }).once).map(({ id }) => id),
  )
  const line = resources.find(
    (one) => one.kind === 'line' && whole.has(`file:${(one as unknown as { path: string }).path}`),
  )
  if (line)
    throw new Problem('invalid', {
      reason: `${line.id} is a line of a file that is wished whole: write it into the file itself`,
    })
}

/** Names of resources are shown and kept. Short secrets are passed over: they are parts of honest words. */
export function refuseNamed(resources: readonly Resource[], secrets: readonly string[]): void {
  const named = resources.find(({ id }) =>
    secrets.some((secret) => secret.length >= 8 && id.includes(secret)),
  )
  if (named)
    throw new Problem('invalid', {
      reason: `the name of a resource (${hider(secrets)(named.id)}) holds a secret, and names are shown`,
    })
}
