import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Schemas } from '#client'
import { newWord } from '../choice.ts'
import { examples, optionsOf } from '../command.ts'
import { wrongUsage } from '../failure.ts'
import { createPrompt, readAll } from '../prompt.ts'
import { must, type Session } from '../session.ts'
import { ago, printable } from '../text.ts'
import { readFile } from './key.ts'
import { show } from './list.ts'

interface Options {
  file?: string
  json?: boolean
}

export function secret(program: Command, session: Session): void {
  const group = program
    .command('secret')
    .description('secrets of a repository: templates use them as secrets.NAME')
  examples(group, 'devops secret set token', 'devops secret list')
  put(group, session, 'set', 'set a secret; its value is asked for, or comes from stdin or a file')
  put(group, session, 'rotate', 'give a secret another value; nodes that use it are synced')

  const unset = group
    .command('unset <name>')
    .description('remove a secret')
    .action(async (name: string, _, self: Command) => {
      const { id, path } = session.repo(optionsOf<Options>(self).repo)
      const params = { path: { ...path, name } }
      const removed = must(
        await session.client().DELETE('/v1/repos/{owner}/{repo}/secrets/{name}', { params }),
      )
      const { used_by } = removed
      session.answer({ removed: name, used_by }, `Removed secret ${printable(name)} of ${id}.\n`)
      if (used_by.length > 0)
        session.note(`It is used by ${used_by.join(', ')}: the next sync fails until it is set again.\n`)
    })
  examples(unset, 'devops secret unset token')

  const list = group
    .command('list')
    .description('secrets: who set each and when; never their values')
    .option('--json', 'print JSON')
    .action(async (_, self: Command) => {
      const options = optionsOf<Options>(self)
      const { id, path } = session.repo(options.repo)
      const all = must(await session.client().GET('/v1/repos/{owner}/{repo}/secrets', { params: { path } }))
      const row = (one: Schemas['SecretInfo']) => [
        one.name,
        String(one.version),
        ago(one.set_at, session.now()),
        one.set_by,
      ]
      show(session, options, all, ['secret', 'version', 'set', 'by'], row, `${id} has no secrets.`)
    })
  examples(list, 'devops secret list --json')
  history(group, session)
}

function put(group: Command, session: Session, verb: 'set' | 'rotate', description: string): void {
  const command = group
    .command(`${verb} <name> [value]`)
    .description(description)
    .option('--file <file>', 'take the value from a file, as it is')
    .action(async (name: string, given: string | undefined, _, self: Command) => {
      newWord('secret', name)
      const options = optionsOf<Options>(self)
      const { id, path } = session.repo(options.repo)
      const client = session.client()
      const body = { value: await readValue(session, name, given, options.file), rotate: verb === 'rotate' }
      const params = { path: { ...path, name } }
      const made = must(await client.PUT('/v1/repos/{owner}/{repo}/secrets/{name}', { params, body }))
      const { version, used_by } = made
      session.answer(made, `Secret ${printable(name)} of ${id} is set, version ${version}.\n`)
      if (used_by.length > 0)
        session.note(`Synced in a moment, because they use it: ${used_by.join(', ')}.\n`)
    })
  examples(
    command,
    `devops secret ${verb} token`,
    `devops secret ${verb} token <token.txt`,
    `devops secret ${verb} certificate_key --file shop.key`,
  )
}

async function readValue(
  { io, note }: Session,
  name: string,
  given: string | undefined,
  file: string | undefined,
): Promise<string> {
  if (given !== undefined && file !== undefined) throw wrongUsage('A value and --file exclude one another.')
  if (file !== undefined) {
    const text = readFile(resolve(io.cwd, file))
    if (!text.includes('\ufffd')) return text
    throw wrongUsage(`${file} holds bytes that are no text.`, 'Encode it, in base64 for example.')
  }
  if (given !== undefined) {
    note(
      'Warning: a value on the command line can be seen by others on this machine and stays in its history.\n',
    )
    return given
  }
  if (io.stdin.isTTY !== true) return await readAll(io.stdin)
  const prompt = createPrompt(io.stdin, io.stderr)
  try {
    return await prompt.askSecret(`Value of ${name}`)
  } finally {
    prompt.close()
  }
}

function history(group: Command, session: Session): void {
  const command = group
    .command('history <name>')
    .description('when and by whom a secret was set, newest first')
    .option('--json', 'print JSON')
    .action(async (name: string, _, self: Command) => {
      const options = optionsOf<Options>(self)
      const { path } = session.repo(options.repo)
      const params = { path: { ...path, name } }
      const all = must(
        await session.client().GET('/v1/repos/{owner}/{repo}/secrets/{name}/history', { params }),
      )
      const row = (one: (typeof all)[number]) => [
        String(one.version),
        one.action,
        ago(one.set_at, session.now()),
        one.set_by,
      ]
      show(session, options, all, ['version', 'what', 'when', 'by'], row, `${printable(name)} was never set.`)
    })
  examples(command, 'devops secret history token')
}
