import type { Command } from 'commander'
import { collect, examples, optionsOf } from '../command.ts'
import { wrongUsage } from '../failure.ts'
import { must, type Session } from '../session.ts'
import { count, shortCommit } from '../text.ts'

interface Options {
  to: string
  destroy?: string[]
  replace?: string[]
}

export function rollback(program: Command, session: Session): void {
  const command = program
    .command('rollback [repository]')
    .description('bring a former commit back by a new one; those in between are not applied again')
    .requiredOption('--to <commit>', 'the commit that was good')
    .option('--destroy <node>', 'a node whose server may be destroyed (again and again)', collect)
    .option('--replace <node>', 'a node whose server may be made anew (again and again)', collect)
    .action(async (repository: string | undefined, _, self: Command) => {
      const { repo: named, to, destroy, replace } = optionsOf<Options>(self)
      if (!/^[0-9a-f]{4,40}$/.test(to))
        throw wrongUsage(
          `\`${to}\` is no commit.`,
          'Give its id, or the first digits of it: `git log --oneline`.',
        )
      const { id, path } = session.repo(repository ?? named)
      const done = must(
        await session.client().POST('/v1/repos/{owner}/{repo}/rollback', {
          params: { path },
          body: { to, ...(destroy && { destroy }), ...(replace && { replace }) },
        }),
      )
      const taken = `${count(done.marked.length, 'commit')} taken back`
      session.answer(
        done,
        `Rolled ${id} back to ${shortCommit(done.to)} by the new commit ${shortCommit(done.commit)}, ${taken}.\n`,
      )
      session.note('Follow it with `devops status`; bring your clone up to date with `git pull`.\n')
    })
  examples(command, 'devops rollback ann/shop --to 3f2a1c0')
}
