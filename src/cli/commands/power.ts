import type { Command } from 'commander'
import { oneOf } from '../choice.ts'
import { examples, optionsOf } from '../command.ts'
import { must, type Session } from '../session.ts'

/** What is said of it afterwards. */
const acts = { start: 'runs', stop: 'is switched off', reboot: 'is rebooted' } as const

type Act = keyof typeof acts

export function power(program: Command, session: Session): void {
  const command = program
    .command('power <node> <act>')
    .description('start, stop or reboot the server of a node at its provider, also one that hangs')
    .action(async (node: string, word: string, _, self: Command) => {
      const act = oneOf('act', word, Object.keys(acts) as Act[])
      const { path } = session.repo(optionsOf(self).repo)
      must(
        await session.client().POST('/v1/repos/{owner}/{repo}/nodes/{node}/power', {
          params: { path: { ...path, node } },
          body: { act },
        }),
      )
      session.answer({ node, act }, `The server of ${node} ${acts[act]}.\n`)
      if (act === 'stop') session.note('The next sync or run on it starts it again.\n')
    })
  examples(command, 'devops power web reboot')
}
