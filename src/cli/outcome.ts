import type { Schemas } from '#client'
import type { Followed } from './follow.ts'
import type { Session } from './session.ts'
import { lasted, printable } from './text.ts'

type Work = Schemas['Work']

/** Exit code of a command that its user left with Ctrl-C. */
export const INTERRUPTED = 130

/** One line a work, and the exit code: 0 when all succeeded. */
export function report(session: Session, { works, interrupted }: Followed): void {
  for (const work of works)
    session.print(`${session.json ? JSON.stringify(work) : sentence(session, work)}\n`)
  if (interrupted) {
    const going = works.filter(({ state }) => state === 'waiting' || state === 'running')
    for (const { id, kind } of going)
      session.note(
        `The ${kind} goes on. See it with \`devops logs -f --work ${id}\`, end it with \`devops cancel ${id}\`.\n`,
      )
    session.exit(INTERRUPTED)
  }
  // A superseded sync did not fail: a newer one does its job.
  else if (works.some(({ state }) => state === 'failed' || state === 'cancelled')) session.exit(1)
}

function sentence({ paint }: Session, work: Work): string {
  const what =
    work.kind === 'run' ? `run ${work.id} of ${work.task}` : `${work.kind} of ${work.nodes.join(', ')}`
  const took = work.started_at && work.ended_at ? ` in ${lasted(work.ended_at - work.started_at)}` : ''
  switch (work.state) {
    case 'succeeded':
      return paint('green', `${what} succeeded${took}`)
    case 'failed':
      return paint('red', `${what} failed${took}: ${printable(work.error ?? 'no reason is known')}`)
    case 'cancelled':
      return paint('yellow', `${what} was cancelled${work.error ? `: ${printable(work.error)}` : ''}`)
    case 'superseded':
      return paint(
        'yellow',
        work.error
          ? `${what} did not begin: ${printable(work.error)}`
          : `${what} was superseded by a newer one`,
      )
    default:
      return `${what} is ${work.state}${work.waits_for ? `: ${printable(work.waits_for)}` : ''}`
  }
}
