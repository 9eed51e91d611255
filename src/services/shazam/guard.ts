import { setTimeout as sleep } from 'node:timers/promises'
import type { OutputLine } from './apply.ts'
import { prelude } from './prelude.ts'
import { rootShell } from './probe.ts'
import type { Job } from './script.ts'
import type { Connection } from './transport/connection.ts'

/** Seconds that a node waits for us after a change that may have cut the link, before it takes it back. */
export const PATIENCE = 45

/**
 * The script that a node keeps beside a change that may cut the link: it waits until the apply has ended, then for
 * `armed` to be taken away, and gives back what was before. It needs nobody, and no link.
 */
export function undoText(jobs: readonly Job[], secret: string): string {
  const cutting = jobs.flatMap(({ action }, at) => (action?.cuts ? [{ at, action }] : [])).reverse()
  const notified = new Set(cutting.flatMap(({ action }) => action.notify))
  const handlers = [
    ...new Map(
      jobs.flatMap(({ handler, script }) =>
        handler && notified.has(handler.id) ? [[handler.id, script]] : [],
      ),
    ).values(),
  ]
  const steps = cutting.map(({ at, action }) => `taken_back ${at} ${action.undo ? `'${at}'` : ''}`.trimEnd())
  const undos = cutting.map(({ at, action }) => `undo_${at}() {\n${action.undo ?? ':'}\n}`)
  const again = handlers.map((script) => `(\nset -e\n${script}\n) || :`)
  return [
    prelude,
    `secret=${secret} token=${secret}-undo undo_root=$GUARD`,
    ...undos,
    `main() {\nwait_for_us "$1" "$2"\n${steps.join('\n')}\n${again.join('\n')}\ntell_undone\n}`,
    'main "$@" </dev/null >/dev/null 2>&1',
    '',
  ].join('\n')
}

export type Verdict = 'confirmed' | 'undone' | 'away'

/** Comes back to the node by a new link and says that all is well; else waits for the node to take the change back. */
export async function confirm(
  connection: Connection,
  patience: number,
  onLine: (line: OutputLine) => void,
): Promise<Verdict> {
  const tell = (text: string) => onLine({ stream: 'platform', text })
  const first = await ask(connection, 'confirm_change', Date.now() + patience * 600)
  if (first) return first === 'undone' ? 'undone' : 'confirmed'
  tell('no new connection gets in any more: the node is left to take the change back by itself')
  // Where the old link has outlived the change, nobody needs to wait.
  await connection
    .exec(rootShell(connection), { stdin: script('hurry_undo'), signal: AbortSignal.timeout(5000) })
    .catch(() => {})
  const second = await ask(connection, 'await_undo', Date.now() + (patience + 60) * 1000)
  return second === 'undone' ? 'undone' : second ? 'confirmed' : 'away'
}

const script = (call: string) => `${prelude}\n${call}\n`

/** The node's answer over a new link, tried until `end`. */
async function ask(connection: Connection, call: string, end: number): Promise<string | undefined> {
  for (;;) {
    try {
      const { stdout, code } = await connection.exec(rootShell(connection), {
        stdin: script(call),
        fresh: true,
      })
      const answer = stdout.trim()
      if (code === 0 && answer && answer !== 'wait') return answer
    } catch {
      // That is the question.
    }
    if (Date.now() > end) return undefined
    await sleep(1000)
  }
}
