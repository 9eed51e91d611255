import { Problem } from '#kit/problem.ts'
import { refusal, rootShell } from '../probe.ts'
import { quote } from '../quote.ts'
import type { Connection, ExecOptions, ExecResult } from '../transport/connection.ts'
import { lookText, ROOT, type Sizes, type StepId } from './shell.ts'

/** What is on the node of one attempt of a step. */
export type Look =
  | { state: 'absent' }
  | ({ state: 'alive' } & Sizes)
  | ({ state: 'ended' | 'stopped'; exit: number; outputs: number; full: boolean; left: string } & Sizes)
  /** It was started and no outcome will come any more. */
  | ({ state: 'lost'; reason: string } & Sizes)
  /** Nothing of it ran, and nothing will. */
  | { state: 'never'; reason: string }
  /** Nothing of it ran because the node goes down, or went down. What was prepared is removed: it can be started again. */
  | { state: 'down' }
  /** It ended with the node, which goes down. When the node is back, it is lost. */
  | { state: 'leaving' }

const reasons: Record<string, string> = {
  killed: 'what ran it on the node was killed',
  rebooted: 'the node was shut down or restarted while it ran',
}

/** What a node says of the disk that holds the folders of steps. */
const disks: Record<string, string> = {
  full: 'its disk is full',
  inodes: 'its disk has no inodes left',
  readonly: 'its disk is read-only',
}

/** `words`: of the program that failed. */
const unprepared = (disk: string, words = ''): string =>
  `the step could not be prepared on the node: ${disks[disk] ?? (words || 'its start was cut, and nothing of it ran')}${disks[disk] ? ` (${ROOT})` : ''}`

export async function look(connection: Connection, id: StepId, signal: AbortSignal): Promise<Look> {
  for (;;) {
    const { stdout } = await asRoot(connection, lookText(id), { signal })
    const found = parseLook(stdout)
    if (found !== 'again') return found
  }
}

/** Of what the shell function `look` says. `again`: the step ended while it looked. */
export function parseLook(said: string): Look | 'again' {
  const [word = '', ...rest] = said.trim().split(' ')
  const numbers = rest.map(Number)
  if (word === 'again') return word
  if (word === 'absent' || word === 'down' || word === 'leaving') return { state: word }
  if (word === 'ended' || word === 'stopped') {
    const [exit = 0, out = 0, err = 0, outputs = 0, room = 1] = numbers
    return { state: word, exit, out, err, outputs, full: room === 0, left: rest.slice(5).join(' ') }
  }
  if (word === 'never') return { state: 'never', reason: unprepared(rest[0] ?? '') }
  if (word === 'refused')
    return { state: 'never', reason: unprepared(rest[0] ?? '', rest.slice(1).join(' ')) }
  const [out = 0, err = 0] = numbers
  if (word === 'alive') return { state: 'alive', out, err }
  const reason = reasons[word]
  if (!reason) throw new Problem('internal', { reason: `the node says ${JSON.stringify(said)} of a step` })
  return { state: 'lost', reason, out, err }
}

/** Runs a shell text as root. */
export const asRoot = (connection: Connection, text: string, options: ExecOptions): Promise<ExecResult> =>
  runAsRoot(connection, ` -c ${quote(text)}`, options)

/**
 * The same by its input: in the list of processes nothing of it is seen. The session is opened while the text is still
 * being made; a text that cannot be made is told at once. An abort does not end it: what it starts is started whole.
 */
export async function asRootUnseen(
  connection: Connection,
  text: Promise<string>,
  options: ExecOptions,
): Promise<ExecResult> {
  const ran = runAsRoot(connection, '', { ...options, stdin: text, warm: true, leave: true })
  ran.catch(() => {})
  await text
  return await ran
}

async function runAsRoot(connection: Connection, rest: string, options: ExecOptions): Promise<ExecResult> {
  const result = await connection.exec(`${rootShell(connection)}${rest}`, options)
  if (result.code !== 0 && /^sudo: /m.test(result.stderr)) throw refusal(connection, result)
  return result
}
