import type { Command } from 'commander'
import { examples, optionsOf } from '../command.ts'
import { must, type Session } from '../session.ts'

export function cancel(program: Command, session: Session): void {
  const command = program
    .command('cancel <work>')
    .description('cancel a sync or a run that waits or runs')
    .action(async (work: string, _, self: Command) => {
      const repo = session.repo(optionsOf(self).repo)
      const cancelled = must(
        await session.client().POST('/v1/repos/{owner}/{repo}/works/{work}/cancel', {
          params: { path: { ...repo.path, work } },
        }),
      )
      const { kind, state } = cancelled
      session.answer(
        cancelled,
        state === 'cancelled'
          ? `The ${kind} ${work} is cancelled.\n`
          : `The ${kind} ${work} is being cancelled.\n`,
      )
    })
  examples(command, 'devops cancel 0abcdefgh1234567890')
}
