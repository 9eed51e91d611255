import type { Command } from 'commander'
import { examples, optionsOf } from '../command.ts'
import { followWorks, newestSeq } from '../follow.ts'
import { report } from '../outcome.ts'
import { must, type Session } from '../session.ts'

export function retry(program: Command, session: Session): void {
  const command = program
    .command('retry <run>')
    .description('run again what a run was made from: the same commit and values; exits 0 when it succeeded')
    .option('--failed', 'only on the nodes that failed, from the step that failed')
    .option('--no-wait', 'return as soon as it is queued')
    .action(async (run: string, _, self: Command) => {
      const { repo: named, failed, wait } = optionsOf<{ failed?: boolean; wait: boolean }>(self)
      const repo = session.repo(named)
      const client = session.client()
      const after = await newestSeq(client, repo)
      const started = must(
        await client.POST('/v1/repos/{owner}/{repo}/runs/{run}/retry', {
          params: { path: { ...repo.path, run } },
          body: { failed: failed ?? false },
        }),
      )
      if (!wait) return session.answer(started, `Queued: run ${started.id} of ${started.task}.\n`)
      report(session, await followWorks(session, repo, [started], after))
    })
  examples(command, 'devops retry 0abcdefgh1234567890 --failed')
}
