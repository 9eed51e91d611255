import { resolve } from 'node:path'
import type { Command } from 'commander'
import { examples, optionsOf } from '../command.ts'
import { wrongUsage } from '../failure.ts'
import { createPrompt, readAll } from '../prompt.ts'
import { must, type Session } from '../session.ts'
import { printable } from '../text.ts'
import { readFile } from './key.ts'

interface Options {
  host?: string
  port?: string
  user?: string
  passwordStdin?: boolean
  identity?: string
  hostKey?: string
}

interface Details {
  host: string
  port: number
  user: string
  password?: string
  private_key?: string
  host_key?: string
}

export function link(program: Command, session: Session): void {
  const command = program
    .command('link <node>')
    .description(
      'take an existing machine as the server of a node that was pushed; what is not given is asked',
    )
    .option('--host <address>', 'address of the machine')
    .option('--port <port>', 'its SSH port (22)')
    .option('--user <user>', 'who may use sudo there (root)')
    .option('--password-stdin', 'read the password from stdin; it is used once and not kept')
    .option('--identity <file>', 'private key that opens it; it is used once and not kept')
    .option('--host-key <fingerprint>', 'the only host key to accept: SHA256:…')
    .action(async (node: string, _, self: Command) => {
      const options = optionsOf<Options>(self)
      const { path } = session.repo(options.repo)
      const client = session.client()
      const body = await details(session, options)
      const { host_key, os } = must(
        await client.POST('/v1/repos/{owner}/{repo}/nodes/{node}/link', {
          params: { path: { ...path, node } },
          body,
        }),
      )
      session.print(
        `Linked ${node} to ${body.host}:${body.port}, ${printable(os)}.\nIts host key is ${printable(host_key)}.\n`,
      )
      session.note(`Sync it with \`devops sync ${node}\`.\n`)
    })
  examples(command, 'devops link web --host 192.0.2.10 --user admin --identity ~/.ssh/id_ed25519')
}

async function details(session: Session, options: Options): Promise<Details> {
  const { io } = session
  if (options.passwordStdin && options.identity)
    throw wrongUsage('--password-stdin and --identity exclude one another.')
  const secret = options.passwordStdin || options.identity
  const complete = options.host !== undefined && secret
  const key = options.identity ? readFile(resolve(io.cwd, options.identity)) : undefined
  const piped = options.passwordStdin ? await readAll(io.stdin) : undefined
  // With the password on stdin nothing can be asked any more.
  const prompt = complete || piped !== undefined ? undefined : createPrompt(io.stdin, io.stderr)
  try {
    const host = options.host ?? (await prompt?.ask('Address of the machine'))
    if (!host) throw wrongUsage('The address of the machine is missing.', 'Give it with --host.')
    const port = portOf(options.port ?? (await prompt?.ask('SSH port', '22')) ?? '22')
    const user = options.user ?? (await prompt?.ask('User with sudo', 'root')) ?? 'root'
    const password = piped ?? (key === undefined ? await prompt?.askSecret(`Password of ${user}`) : undefined)
    return {
      host,
      port,
      user,
      ...(key === undefined ? {} : { private_key: key }),
      ...(password === undefined ? {} : { password }),
      ...(options.hostKey ? { host_key: options.hostKey } : {}),
    }
  } finally {
    prompt?.close()
  }
}

function portOf(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port
  throw wrongUsage(`\`${text}\` is no port.`, 'A port is a number from 1 to 65535.')
}
