import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { ApiProblem } from '#client'
import { hostOf } from '#language/filters.ts'
import { Failure, wrongUsage } from './failure.ts'

const run = promisify(execFile)

interface Server {
  host: string
  port: number
  host_keys: string[]
}

/**
 * Lines for known_hosts. The platform keeps fingerprints, ssh wants whole keys: they are fetched from the server, and
 * only those whose fingerprint is the pinned one count.
 */
export async function pinnedHostKeys(node: string, { host, port, host_keys }: Server): Promise<string> {
  if (host_keys.length === 0)
    throw new Failure(`The host key of ${node} is not known yet.`, `Meet it with \`devops sync ${node}\`.`)
  const { stdout } = await run('ssh-keyscan', ['-T', '10', '-p', String(port), '--', host]).catch((error) => {
    throw new Failure(
      `${hostOf(host)}:${port} shows no host key: ${String(error.stderr || error.message).trim()}`,
      'Check that it is up.',
    )
  })
  const shown = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  if (shown.length === 0)
    throw new Failure(
      `${node} does not answer at ${hostOf(host)}:${port}.`,
      'Check that it is up and that its SSH port is open.',
    )
  const pinned = shown.filter((line) => host_keys.includes(fingerprint(line.split(' ')[2] ?? '')))
  if (pinned.length === 0)
    throw new Failure(
      `${node} shows another host key than before. Nothing was sent to it.`,
      'If the change is yours, run `devops link` again; if not, somebody may be in between.',
    )
  return pinned.map((line) => `${line}\n`).join('')
}

/** A refusal of a host key that was named on the command line: what the server shows instead. */
export function shownInstead(error: unknown, node: string, given: string): unknown {
  if (!(error instanceof ApiProblem) || error.code !== 'host_key') return error
  const { shown } = error.problem as { shown?: unknown }
  if (typeof shown !== 'string') return error
  return new Failure(
    `The server of ${node} shows ${shown}, not ${given}. Nothing was changed.`,
    'Compare it on the machine itself: `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`. Only when it is the same, name it.',
  )
}

/** Throws when a word cannot be the fingerprint of a host key. */
export function requireFingerprint(text: string): void {
  if (/^SHA256:[A-Za-z0-9+/]{43}$/.test(text)) return
  throw wrongUsage(
    `\`${text}\` is no fingerprint.`,
    'Write it as ssh-keygen does: SHA256: and 43 characters.',
  )
}

/** As ssh-keygen prints it. */
const fingerprint = (key: string): string =>
  `SHA256:${createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64').replace(/=+$/, '')}`
