import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Problem } from '#kit/problem.ts'
import { asRoot } from '../steps/look.ts'
import type { Connection } from '../transport/connection.ts'

const script = readFileSync(join(import.meta.dirname, 'renew.sh'), 'utf8')

/**
 * Lets in whom the lines of authorized_keys name, and nobody else, whatever else is to be done on the node or holds it.
 * Returns what was done, in words; nothing when all was so.
 */
export async function renewAccess(
  connection: Connection,
  lines: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const stdin = lines.map((line) => `${line}\n`).join('')
  const { code, stdout, stderr } = await asRoot(connection, script, { stdin, signal })
  if (code !== 0)
    throw new Problem('internal', { reason: `keys could not be renewed: ${stderr.slice(-500)}` })
  return stdout.split('\n').filter(Boolean)
}
