import type { Command } from 'commander'
import type { Schemas } from '#client'
import { examples, optionsOf } from '../command.ts'
import { wrongUsage } from '../failure.ts'
import { must, type Session } from '../session.ts'
import { ago, printable } from '../text.ts'
import { kindOf, type Typing, typedValue } from '../value.ts'
import { show } from './list.ts'

interface Options extends Typing {
  node?: string
  task?: string
}

export function variable(program: Command, session: Session): void {
  const group = program.command('var').description('variables of a repository, a node or a task')
  examples(group, 'devops var set version 1.4')

  const set = scoped(group.command('set <name> [value]'))
    .description('set a variable (typed as in YAML, or else text); nodes that use it are synced')
    .option('--string', 'keep the value as text: 1.10 stays 1.10')
    .option('--json', 'take the value as JSON, and print what was set as JSON')
    .action(async (first: string, second: string | undefined, _, self: Command) => {
      const options = optionsOf<Options>(self)
      const { name, value } = assignment(first, second)
      const { id, path } = session.repo(options.repo)
      const body = { scope: scopeOf(options), name, value: await typedValue(value, options) }
      const made = must(
        await session.client().PUT('/v1/repos/{owner}/{repo}/variables', { params: { path }, body }),
      )
      const place = body.scope === 'repo' ? id : body.scope
      session.answer(
        made,
        `Set ${name} of ${place}: ${printable(JSON.stringify(body.value))}, ${kindOf(body.value)}.\n`,
      )
      if (typeof body.value === 'number' && String(body.value) !== value)
        session.note(`${printable(value)} is the number ${body.value}; --string keeps it as text.\n`)
    })
  examples(
    set,
    'devops var set version 1.4',
    'devops var set version=1.4',
    `devops var set --node web 'ports=[80, 443]'`,
    'devops var set --string version 1.10',
  )
  get(group, session)

  const unset = scoped(group.command('unset <name>'))
    .description('remove a variable')
    .action(async (name: string, _, self: Command) => {
      const options = optionsOf<Options>(self)
      const { id, path } = session.repo(options.repo)
      const query = { scope: scopeOf(options), name }
      must(await session.client().DELETE('/v1/repos/{owner}/{repo}/variables', { params: { path, query } }))
      session.answer(
        { removed: name, scope: query.scope },
        `Removed ${printable(name)} of ${query.scope === 'repo' ? id : query.scope}.\n`,
      )
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
        one.source ? `${one.set_by}, ${sourceText(one.source)}` : one.set_by,
      ]
      show(session, options, all, ['scope', 'name', 'value', 'set', 'by'], row, `${id} has no variables.`)
    })
  examples(list, 'devops var list --json')

  history(group, session)
  usedBy(group, session)
}

function get(group: Command, session: Session): void {
  const command = scoped(group.command('get <address>'))
    .description('what a variable or any other address is now; with --node or --task as these see it')
    .option('--json', 'print JSON')
    .action(async (address: string, _, self: Command) => {
      const { repo, json, node, task } = optionsOf<Options>(self)
      const { path } = session.repo(repo)
      const query = { address, ...(node && { node }), ...(task && { task }) }
      const answer = must(
        await session.client().GET('/v1/repos/{owner}/{repo}/variables/value', { params: { path, query } }),
      )
      if (json) return session.printJson(answer)
      const { value, from } = answer
      session.print(`${printable(typeof value === 'string' ? value : JSON.stringify(value))}\n`)
      if (from)
        session.note(
          `${kindOf(value)}, ${from.written ? 'written in' : 'set for'} ${from.scope}${by(from)}\n`,
        )
    })
  examples(command, 'devops var get color', 'devops var get --node web color', 'devops var get db.ip')
}

/** ` by ann in commit 3f2a1c0` */
function by({ set_by, source }: { set_by: string | null; source: Schemas['Variable']['source'] }): string {
  return set_by === null ? '' : ` by ${printable(set_by)}${source ? ` in ${sourceText(source)}` : ''}`
}

const sourceText = ({ kind, id }: { kind: string; id: string }): string =>
  kind === 'commit' ? `commit ${id.slice(0, 7)}` : `${kind} ${printable(id)}`

function history(group: Command, session: Session): void {
  const command = scoped(group.command('history <name>'))
    .description('what a variable is and was, newest first: set, and written in descriptors')
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
        one.source ? sourceText(one.source) : one.written ? 'descriptor' : 'hand',
      ]
      const headings = ['value', 'set', 'by', 'from']
      show(session, options, all, headings, row, `${printable(name)} was never set.`)
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
