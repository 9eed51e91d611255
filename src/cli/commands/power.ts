import type { Command } from 'commander'
import { examples, optionsOf } from '../command.ts'
import { wrongUsage } from '../failure.ts'
import { must, type Session } from '../session.ts'

/** What is said of it afterwards. */
const acts = { start: 'runs', stop: 'is switched off', reboot: 'was booted anew' } as const

type Act = keyof typeof acts

export function power(program: Command, session: Session): void {
  const command = program
    .command('power <node> <act>')
    .description('start, stop or reboot the server of a node at its provider, also one that hangs')
    .action(async (node: string, act: string, _, self: Command) => {
      if (!isAct(act))
        throw wrongUsage(`\`${act}\` is no act.`, `There are: ${Object.keys(acts).join(', ')}.`)
      const { path } = session.repo(optionsOf(self).repo)
      must(
        await session.client().POST('/v1/repos/{owner}/{repo}/nodes/{node}/power', {
          params: { path: { ...path, node } },
          body: { act },
        }),
      )
      session.print(`The server of ${node} ${acts[act]}.\n`)
      if (act === 'stop') session.note('The next sync or run on it starts it again.\n')
    })
  examples(command, 'devops power web reboot')
}

const isAct = (text: string): text is Act => Object.hasOwn(acts, text)
