import type { Command } from 'commander'
import type { Schemas } from '#client'
import { examples, optionsOf } from '../command.ts'
import { wrongUsage } from '../failure.ts'
import { must, type Session } from '../session.ts'
import { ago, printable } from '../text.ts'
import { show } from './list.ts'
import { parseValue } from './run.ts'

interface Options {
  node?: string
  task?: string
  json?: boolean
}

export function variable(program: Command, session: Session): void {
  const group = program.command('var').description('variables of a repository, a node or a task')
  examples(group, 'devops var set version 1.4')

  const set = scoped(group.command('set <name> [value]'))
    .description('set a variable (JSON, or else text); nodes that use it are synced')
    .action(async (first: string, second: string | undefined, _, self: Command) => {
      const options = optionsOf<Options>(self)
      const { name, value } = assignment(first, second)
      const { id, path } = session.repo(options.repo)
      const body = { scope: scopeOf(options), name, value: parseValue(value) }
      must(await session.client().PUT('/v1/repos/{owner}/{repo}/variables', { params: { path }, body }))
      session.print(`Set ${name} of ${body.scope === 'repo' ? id : body.scope}.\n`)
    })
  examples(
    set,
    'devops var set version 1.4',
    'devops var set version=1.4',
    `devops var set --node web 'ports=[80, 443]'`,
  )

  const unset = scoped(group.command('unset <name>'))
    .description('remove a variable')
    .action(async (name: string, _, self: Command) => {
      const options = optionsOf<Options>(self)
      const { id, path } = session.repo(options.repo)
      const query = { scope: scopeOf(options), name }
      must(await session.client().DELETE('/v1/repos/{owner}/{repo}/variables', { params: { path, query } }))
      session.print(`Removed ${printable(name)} of ${query.scope === 'repo' ? id : query.scope}.\n`)
    })
  examples(unset, 'devops var unset version')

  const list = group
    .command('list')
    .description('variables that were set by hand')
    .option('--json', 'print JSON')
    .action(async (_, self: Command) => {
      const options = optionsOf<Options>(self)
      const { id, path } = session.repo(options.repo)
      const all = must(await session.client().GET('/v1/repos/{owner}/{repo}/variables', { params: { path } }))
      const row = (one: Schemas['Variable']) => [
        one.scope,
        one.name,
        printable(JSON.stringify(one.value)),
        ago(one.set_at, session.now()),
        one.set_by,
      ]
      show(session, options, all, ['scope', 'name', 'value', 'set', 'by'], row, `${id} has no variables.`)
    })
  examples(list, 'devops var list --json')

  history(group, session)
  usedBy(group, session)
}

function history(group: Command, session: Session): void {
  const command = scoped(group.command('history <name>'))
    .description('former values of a variable, newest first')
    .option('--json', 'print JSON')
    .action(async (name: string, _, self: Command) => {
      const options = optionsOf<Options>(self)
      const { path } = session.repo(options.repo)
      const query = { scope: scopeOf(options), name }
      const all = must(
        await session.client().GET('/v1/repos/{owner}/{repo}/variables/history', { params: { path, query } }),
      )
      const row = (one: (typeof all)[number]) => [
        one.unset ? '(removed)' : printable(JSON.stringify(one.value)),
        ago(one.set_at, session.now()),
        one.set_by,
      ]
      show(session, options, all, ['value', 'set', 'by'], row, `${printable(name)} was never set.`)
    })
  examples(command, 'devops var history version', 'devops var history --node web ports')
}

function usedBy(group: Command, session: Session): void {
  const command = group
    .command('used-by <name>')
    .description('nodes that depend on a variable of the repository, or on an address such as db.ip')
    .option('--json', 'print JSON')
    .action(async (name: string, _, self: Command) => {
      const options = optionsOf<Options>(self)
      const { path } = session.repo(options.repo)
      const address = name.includes('.') ? name : `vars.${name}`
      const find = async (one: string) =>
        must(
          await session.client().GET('/v1/repos/{owner}/{repo}/variables/used-by', {
            params: { path, query: { address: one } },
          }),
        )
      // A variable of the repository can be used by its full address, or bare.
      const found = [...(await find(address)), ...(address === name ? [] : await find(name))]
      const nodes = [...new Set(found)].sort()
      show(session, options, nodes, ['node'], (node) => [node], `No node uses ${printable(name)}.`)
    })
  examples(command, 'devops var used-by version', 'devops var used-by db.ip')
}

const scoped = (command: Command): Command =>
  command.option('--node <node>', 'of a node').option('--task <task>', 'of a task')

function scopeOf({ node, task }: Options): string {
  if (node && task) throw wrongUsage('--node and --task exclude one another.')
  return node ? `node:${node}` : task ? `task:${task}` : 'repo'
}

/** `NAME VALUE` or `NAME=VALUE`. */
function assignment(first: string, second: string | undefined): { name: string; value: string } {
  const text = second === undefined ? first : `${first}=${second}`
  const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text) ?? []
  if (name === undefined || value === undefined)
    throw wrongUsage(
      `\`${text}\` is no variable.`,
      'Write it as NAME VALUE: `devops var set version 1.4`. A name is letters, digits and _.',
    )
  return { name, value }
}
