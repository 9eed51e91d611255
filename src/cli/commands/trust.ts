import type { Command } from 'commander'
import { examples, optionsOf } from '../command.ts'
import { requireFingerprint, shownInstead } from '../host-keys.ts'
import { must, type Session } from '../session.ts'

export function trust(program: Command, session: Session): void {
  const command = program
    .command('trust <node> <fingerprint>')
    .description('accept the new host key that the server of a node shows')
    .action(async (node: string, fingerprint: string, _, self: Command) => {
      requireFingerprint(fingerprint)
      const { path } = session.repo(optionsOf(self).repo)
      const trusted = session.client().PUT('/v1/repos/{owner}/{repo}/nodes/{node}/host-key', {
        params: { path: { ...path, node } },
        body: { host_key: fingerprint },
      })
      const answer = await trusted.catch((error) => {
        throw shownInstead(error, node, fingerprint)
      })
      const { before } = must(answer)
      session.answer(
        { node, host_key: fingerprint, before },
        `${node} is known by ${fingerprint} now, no longer by ${before.join(', ') || 'another'}.\n`,
      )
    })
  examples(command, 'devops trust web SHA256:5wQXcFVmvCkHXYHTrZiwNfvkgJZmL8WAsTdUPyfqM1I')
}
