import type { Command } from 'commander'
import { examples, optionsOf } from '../command.ts'
import { followWorks, newestSeq } from '../follow.ts'
import { report } from '../outcome.ts'
import { must, type Session } from '../session.ts'

export function unlink(program: Command, session: Session): void {
  const command = program
    .command('unlink <node>')
    .description('let a linked machine go: what is ours on it is removed, it itself stays')
    .action(async (node: string, _, self: Command) => {
      const repo = session.repo(optionsOf(self).repo)
      const client = session.client()
      const after = await newestSeq(client, repo)
      const work = must(
        await client.DELETE('/v1/repos/{owner}/{repo}/nodes/{node}/link', {
          params: { path: { ...repo.path, node } },
        }),
      )
      report(session, await followWorks(session, repo, [work], after))
    })
  examples(command, 'devops unlink old')
}
