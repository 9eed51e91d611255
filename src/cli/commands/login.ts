import type { Command } from 'commander'
import type { Client } from '#client'
import { examples } from '../command.ts'
import { removeConfig, saveConfig } from '../config.ts'
import { wrongUsage } from '../failure.ts'
import { createPrompt, type Prompt, readAll } from '../prompt.ts'
import { must, type Session } from '../session.ts'

interface Options {
  server?: string
  token?: string
  user?: string
  passwordStdin?: boolean
}

export function login(program: Command, session: Session): void {
  const command = program
    .command('login')
    .description('sign in to a server; what is not given is asked')
    .option('--server <url>', 'address of the server')
    .option('--token <token>', 'a token: devo_…')
    .option('--user <name>', 'sign in with a password instead of a token')
    .option('--password-stdin', 'read the password from stdin')
    .action((options: Options) => signIn(session, options))
  examples(
    command,
    'devops login --server http://127.0.0.1:7780 --token devo_…',
    'devops login --user ann --password-stdin < password',
  )
}

export function logout(program: Command, session: Session): void {
  const command = program
    .command('logout')
    .description('forget the server and the token on this machine')
    .action(() => {
      removeConfig(session.configFile)
      session.answer({ signed_in: false }, 'Signed out.\n')
      if (session.io.env.DEVOPS_TOKEN) session.note('DEVOPS_TOKEN is still set and still counts.\n')
    })
  examples(command, 'devops logout')
}

async function signIn(session: Session, options: Options): Promise<void> {
  const { env, stdin, stderr } = session.io
  const prompt = lazy(() => createPrompt(stdin, stderr))
  try {
    const server = addressOf(
      options.server ?? env.DEVOPS_SERVER ?? (await prompt.get().ask('Server', session.server)),
    )
    const token = await tokenOf(session.anonymous(server), options, session, prompt)
    const me = must(await session.anonymous(server, token).GET('/v1/me'))
    saveConfig(session.configFile, { server, token })
    const { user, admin } = me
    session.answer(
      { server, user, admin },
      `Signed in to ${server} as ${user}${admin ? ', an administrator' : ''}.\n`,
    )
  } finally {
    prompt.close()
  }
}

async function tokenOf(
  client: Client,
  { token, user, passwordStdin }: Options,
  { io }: Session,
  prompt: LazyPrompt,
): Promise<string> {
  if (user === undefined) {
    const given = token ?? io.env.DEVOPS_TOKEN ?? (await prompt.get().askSecret('Token')).trim()
    if (given.startsWith('devo_')) return given
    throw wrongUsage(
      'That is no token: a token begins with devo_.',
      'Make one with `devops token add TITLE`.',
    )
  }
  if (token !== undefined) throw wrongUsage('--user and --token exclude one another.')
  const password = passwordStdin ? await readAll(io.stdin) : await prompt.get().askSecret('Password')
  return must(await client.POST('/v1/login', { body: { user, password, title: 'devops login' } })).token
}

function addressOf(text: string): string {
  const url = text.includes('://') ? text : `http://${text}`
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw wrongUsage(`\`${text}\` is no address of a server.`, 'Write it like http://127.0.0.1:7780.')
  return url.replace(/\/+$/, '')
}

interface LazyPrompt {
  get(): Prompt
  close(): void
}

/** stdin is not touched unless something is asked. */
function lazy(make: () => Prompt): LazyPrompt {
  let made: Prompt | undefined
  return {
    get() {
      made ??= make()
      return made
    },
    close: () => made?.close(),
  }
}
