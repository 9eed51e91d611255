import { hider } from '#kit/mask/index.ts'
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

/** Lines that other users of a node can ask its programs for, though the file itself is closed to them. */
const told: readonly { path: RegExp; line: RegExp; instead: string }[] = [
  {
    path: /\/systemd\/system\/.+/,
    line: /^\s*(Environment|Exec[A-Za-z]+)\s*=/,
    instead:
      'systemctl tells it to every user of the node; write it to a file of mode 0600, and name that in EnvironmentFile=',
  },
  {
    path: /^\/etc\/supervisor\/conf\.d\//,
    line: /^\s*command\s*=/,
    instead: 'arguments of a program are shown to every user of the node; give it in env',
  },
]

/** Secrets in units and among the arguments of programs. Short ones are passed over: they are parts of honest words. */
export function refuseTold(resources: readonly Resource[], secrets: readonly string[]): void {
  const long = secrets.filter((secret) => secret.length >= 8)
  for (const { kind, path = '', content = '' } of resources as readonly (Resource &
    Record<string, string>)[]) {
    const rule = kind === 'file' ? told.find((one) => one.path.test(path)) : undefined
    const line = content
      .replaceAll('\\\n', ' ')
      .split('\n')
      .find((one) => rule?.line.test(one) && long.some((secret) => one.includes(secret)))
    if (rule && line !== undefined)
      throw new Problem('invalid', {
        reason: `${line.split('=')[0]?.trim()}= of ${path} holds a secret: ${rule.instead}`,
      })
  }
}
