import type { Command } from 'commander'
import { examples, optionsOf } from '../command.ts'
import { wrongUsage } from '../failure.ts'
import { followWorks, newestSeq } from '../follow.ts'
import { report } from '../outcome.ts'
import { must, type Session } from '../session.ts'
import { count } from '../text.ts'

interface Options {
  wait: boolean
  plan?: string
}

export function sync(program: Command, session: Session): void {
  const command = program
    .command('sync [node]')
    .description('make a node, or all, match the active commit; follows until the end')
    .option(
      '--plan <id>',
      'do exactly what this plan of `devops plan` says; refused when something has moved',
    )
    .option('--no-wait', 'return as soon as it is queued')
    .action(async (node: string | undefined, _, self: Command) => {
      const { repo: named, wait, plan } = optionsOf<Options>(self)
      if (plan !== undefined && node !== undefined)
        throw wrongUsage('A plan knows its nodes: leave out the node, or --plan.')
      const repo = session.repo(named)
      const client = session.client()
      const after = await newestSeq(client, repo)
      const works = must(
        plan !== undefined
          ? await client.POST('/v1/repos/{owner}/{repo}/plans/{plan}/sync', {
              params: { path: { ...repo.path, plan } },
            })
          : node === undefined
            ? await client.POST('/v1/repos/{owner}/{repo}/sync', { params: { path: repo.path } })
            : await client.POST('/v1/repos/{owner}/{repo}/nodes/{node}/sync', {
                params: { path: { ...repo.path, node } },
              }),
      )
      if (works.length === 0) {
        if (session.json) session.printJson(works)
        return session.note(
          plan === undefined ? `${repo.id} has no nodes to sync.\n` : `Plan ${plan} has nothing to do.\n`,
        )
      }
      if (wait) return report(session, await followWorks(session, repo, works, after))
      const each = works.map(({ id, nodes }) => `  ${nodes.join(', ')}  ${id}\n`).join('')
      session.answer(works, `Queued: ${count(works.length, 'sync')}.\n${each}`)
    })
  examples(command, 'devops sync web', 'devops sync --no-wait', 'devops sync --plan 0v3k5m2q8x7c1d9e4fa')
}
