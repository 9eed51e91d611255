import type { Command } from 'commander'
import { examples, optionsOf } from '../command.ts'
import { wrongUsage } from '../failure.ts'
import { must, type Session } from '../session.ts'

export function trust(program: Command, session: Session): void {
  const command = program
    .command('trust <node> <fingerprint>')
    .description('accept the new host key that the server of a node shows')
    .action(async (node: string, fingerprint: string, _, self: Command) => {
      if (!/^SHA256:[A-Za-z0-9+/]{43}$/.test(fingerprint))
        throw wrongUsage(
          `\`${fingerprint}\` is no fingerprint.`,
          'Write it as ssh-keygen does: SHA256 and 43 characters.',
        )
      const { path } = session.repo(optionsOf(self).repo)
      const { before } = must(
        await session.client().PUT('/v1/repos/{owner}/{repo}/nodes/{node}/host-key', {
          params: { path: { ...path, node } },
          body: { host_key: fingerprint },
        }),
      )
      session.print(`${node} is known by ${fingerprint} now, no more by ${before.join(', ') || 'none'}.\n`)
    })
  examples(command, 'devops trust web SHA256:5wQXcFVmvCkHXYHTrZiwNfvkgJZmL8WAsTdUPyfqM1I')
}
