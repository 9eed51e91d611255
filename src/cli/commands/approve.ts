import type { Command } from 'commander'
import { examples, optionsOf } from '../command.ts'
import { must, type Session } from '../session.ts'

export function approve(program: Command, session: Session): void {
  const command = program
    .command('approve <run>')
    .description('let a run begin that waits for approval')
    .action(async (run: string, _, self: Command) => {
      const { path } = session.repo(optionsOf(self).repo)
      const begun = must(
        await session.client().POST('/v1/repos/{owner}/{repo}/runs/{run}/approve', {
          params: { path: { ...path, run } },
        }),
      )
      session.answer(begun, `Approved: run ${run} begins. See it with \`devops logs -f --work ${run}\`.\n`)
    })
  examples(command, 'devops approve 0abcdefgh1234567890')
}

export function refuse(program: Command, session: Session): void {
  const command = program
    .command('refuse <run>')
    .description('end a run that waits for approval')
    .option('--why <text>', 'what the others should know')
    .action(async (run: string, _, self: Command) => {
      const { repo, why } = optionsOf<{ why?: string }>(self)
      const { path } = session.repo(repo)
      const ended = must(
        await session.client().POST('/v1/repos/{owner}/{repo}/runs/{run}/refuse', {
          params: { path: { ...path, run } },
          body: why === undefined ? {} : { why },
        }),
      )
      session.answer(ended, `Refused: run ${run} has ended.\n`)
    })
  examples(command, "devops refuse 0abcdefgh1234567890 --why 'not before the backup'")
}
