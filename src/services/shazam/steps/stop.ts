import type { Input, Output } from '#contracts'
import { Problem } from '#kit/problem.ts'
import { enter, type Shazam } from '../shazam.ts'
import { asRoot } from './look.ts'
import { stopText } from './shell.ts'

/** Ends all that a step started on its node, TERM first, KILL after 5 s. One that waits to be started will not be. */
export const stopStep =
  (shazam: Shazam) =>
  async (
    asked: Input<'shazam.stop_step'>,
    { signal }: { signal: AbortSignal },
  ): Promise<Output<'shazam.stop_step'>> => {
    const { repo, node } = asked
    const { server } = await shazam.bus.ask('registry.get_node', { repo, node })
    if (!server) return { stopped: false, left: '' }
    const connection = enter(shazam, asked, server)
    const { code, stdout, stderr } = await asRoot(connection, stopText(asked), { signal })
    if (code !== 0)
      throw new Problem('internal', { reason: `the step could not be stopped: ${stderr.slice(0, 500)}` })
    const [word, ...left] = stdout.trim().split(' ')
    return { stopped: word === 'stopped', left: left.join(' ') }
  }
