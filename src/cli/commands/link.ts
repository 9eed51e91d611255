import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Schemas } from '#client'
import { hostOf } from '#language/filters.ts'
import { examples, optionsOf } from '../command.ts'
import { Failure, wrongUsage } from '../failure.ts'
import { requireFingerprint, shownInstead } from '../host-keys.ts'
import { createPrompt, type Prompt, readAll } from '../prompt.ts'
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
  jump?: string
  yes?: boolean
}

interface Details {
  host: string
  port: number
  user: string
  password?: string
  private_key?: string
  host_key?: string
  jump?: string
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
    .option('--jump <node>', 'node, or USER@HOST[:PORT], over which the way leads')
    .option('--yes', 'do not ask before the machine is changed')
    .action(async (node: string, _, self: Command) => {
      const options = optionsOf<Options>(self)
      const { path } = session.repo(options.repo)
      const client = session.client()
      // With the password on stdin nothing can be asked any more.
      if (options.passwordStdin && !options.yes)
        throw wrongUsage('With --password-stdin nothing can be asked.', 'Agree beforehand with --yes.')
      const prompt = options.passwordStdin ? undefined : createPrompt(session.io.stdin, session.io.stderr)
      try {
        const body = await details(session, options, prompt)
        const post = async (more: object) => {
          const answer = client.POST('/v1/repos/{owner}/{repo}/nodes/{node}/link', {
            params: { path: { ...path, node } },
            body: { ...body, ...more },
          })
          return must(
            await answer.catch((error) => {
              throw body.host_key ? shownInstead(error, node, body.host_key) : error
            }),
          )
        }
        if (!options.yes) {
          const look = await post({ only_look: true })
          session.note(intention(node, body, look))
          const answer = (await prompt?.ask('Go on? (yes/no)', 'no')) ?? 'no'
          if (!/^y(es)?$/i.test(answer)) throw new Failure('Nothing was changed.')
          // The machine that was looked at, and no other.
          body.host_key = look.host_key
        }
        const linked = await post({})
        const { host_key, os, warnings } = linked
        if (options.yes) session.note(takeCare(warnings))
        session.answer(
          linked,
          `Linked ${node} to ${where(body)}, ${printable(os)}.\nIts host key is ${printable(host_key)}.\n`,
        )
        session.note(`Sync it with \`devops sync ${node}\`.\n`)
      } finally {
        prompt?.close()
      }
    })
  examples(command, 'devops link web --host 192.0.2.10 --user admin --identity ~/.ssh/id_ed25519')
}

const where = ({ host, port }: Details) => `${hostOf(host)}:${port}`

function intention(
  node: string,
  body: Details,
  { os, host_key, changes, warnings }: Schemas['Linked'],
): string {
  const done = changes.map((change) => `  ${printable(change)}\n`).join('')
  return `${takeCare(warnings)}${where(body)} runs ${printable(os)} and shows ${printable(host_key)}.\n${
    done ? `Linking it as ${node} changes there:\n${done}` : 'It is prepared already: nothing is changed.\n'
  }`
}

const takeCare = (warnings: readonly string[]): string =>
  warnings.map((warning) => `Take care: ${printable(warning)}.\n`).join('')

async function details(session: Session, options: Options, prompt: Prompt | undefined): Promise<Details> {
  const { io } = session
  if (options.passwordStdin && options.identity)
    throw wrongUsage('--password-stdin and --identity exclude one another.')
  if (options.hostKey !== undefined) requireFingerprint(options.hostKey)
  const key = options.identity ? readFile(resolve(io.cwd, options.identity)) : undefined
  const piped = options.passwordStdin ? await readAll(io.stdin) : undefined
  // With a key given, only the address is asked for.
  const asking = options.host === undefined || key === undefined ? prompt : undefined
  const host = options.host ?? (await asking?.ask('Address of the machine'))
  if (!host) throw wrongUsage('The address of the machine is missing.', 'Give it with --host.')
  const port = portOf(options.port ?? (await asking?.ask('SSH port', '22')) ?? '22')
  const user = options.user ?? (await asking?.ask('User with sudo', 'root')) ?? 'root'
  const password = piped ?? (key === undefined ? await asking?.askSecret(`Password of ${user}`) : undefined)
  return {
    host,
    port,
    user,
    ...(key === undefined ? {} : { private_key: key }),
    ...(password === undefined ? {} : { password }),
    ...(options.hostKey ? { host_key: options.hostKey } : {}),
    ...(options.jump ? { jump: options.jump } : {}),
  }
}

function portOf(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port
  throw wrongUsage(`\`${text}\` is no port.`, 'A port is a number from 1 to 65535.')
}
