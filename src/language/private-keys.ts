import type { Finding } from '#contracts/descriptors.ts'
import { isBinary } from './service.ts'

/** The first line of a private key in PEM, of whatever kind. Written so that this file does not look like one itself. */
const start = new RegExp(`-----BEGIN ([A-Z0-9]+ )*${'PRIVATE'} KEY( BLOCK)?-----`)

/** What is in Git is on every clone, for ever: a key belongs to the secrets. */
export function privateKeyFindings(
  files: readonly { path: string; content: string }[],
  accepted: boolean,
): Finding[] {
  return files.flatMap(({ path, content }) => {
    if (!/^(nodes|tasks|scripts|services)\//.test(path)) return []
    const text = isBinary(path) ? Buffer.from(content, 'base64').toString('latin1') : content
    const found = start.exec(text)
    if (!found) return []
    const before = text.slice(0, found.index).split('\n')
    return [
      {
        severity: accepted ? ('warning' as const) : ('error' as const),
        path,
        line: before.length,
        column: (before.at(-1)?.length ?? 0) + 1,
        at: '',
        message:
          'a private key must not be in Git, where every clone has it for ever: set it with devops secret set NAME --file FILE, and write {{ secrets.NAME }}',
      },
    ]
  })
}
