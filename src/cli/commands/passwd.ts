import type { Command } from 'commander'
import { examples } from '../command.ts'
import { wrongUsage } from '../failure.ts'
import { createPrompt, type Prompt, readAll } from '../prompt.ts'
import { must, type Session } from '../session.ts'

export function passwd(program: Command, session: Session): void {
  const command = program
    .command('passwd')
    .description('change your password; what was signed in with the old one, but for this, ends')
    .option('--password-stdin', 'read the present and the new one from two lines of stdin')
    .action(async ({ passwordStdin }: { passwordStdin?: boolean }) => {
      const user = await session.me()
      const { current, password } = passwordStdin ? await readTwo(session) : await askBoth(session)
      must(
        await session.client().PUT('/v1/users/{user}/password', {
          params: { path: { user } },
          body: { password, ...(current ? { current } : {}) },
        }),
      )
      session.answer({ user, changed: true }, `The password of ${user} is changed.\n`)
    })
  examples(command, 'devops passwd')
}

/** Twice, as nobody sees what is typed. */
export async function askNew(session: Session): Promise<string> {
  const prompt = createPrompt(session.io.stdin, session.io.stderr)
  try {
    return await twice(prompt)
  } finally {
    prompt.close()
  }
}

async function askBoth(session: Session): Promise<{ current: string; password: string }> {
  const prompt = createPrompt(session.io.stdin, session.io.stderr)
  try {
    const current = await prompt.askSecret('Present password (empty when there is none)')
    return { current, password: await twice(prompt) }
  } finally {
    prompt.close()
  }
}

async function twice(prompt: Prompt): Promise<string> {
  const password = await prompt.askSecret('New password')
  if ((await prompt.askSecret('The same again')) !== password)
    throw wrongUsage('The two are not the same.', 'Nothing was changed: try again.')
  return password
}

async function readTwo({ io }: Session): Promise<{ current: string; password: string }> {
  const lines = (await readAll(io.stdin)).split('\n')
  const [current = '', password = ''] = lines
  if (lines.length !== 2)
    throw wrongUsage('stdin must hold two lines.', 'The present password (may be empty), then the new one.')
  return { current, password }
}
