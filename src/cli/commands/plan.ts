import type { Command } from 'commander'
import type { Client, Schemas } from '#client'
import { examples, optionsOf } from '../command.ts'
import { must, type Repo, type Session } from '../session.ts'
import { ago, type Colour, count, printable, shortCommit } from '../text.ts'

type NodePlan = Schemas['NodePlan']

interface Options {
  json?: boolean
  recorded?: boolean
  all?: boolean
}

const colours: Record<string, Colour> = { '+': 'green', '-': 'red', '@': 'cyan' }

export function plan(program: Command, session: Session): void {
  const command = program
    .command('plan [node]')
    .description('what a sync would do; looks at the servers')
    .option('--recorded', 'compare with what was last recorded instead of looking')
    .option('--all', 'show what stays as it is, too')
    .option('--json', 'print JSON')
    .action(async (node: string | undefined, _, self: Command) => {
      const options = optionsOf<Options>(self)
      const { path } = session.repo(options.repo)
      const client = session.client()
      const made = options.recorded
        ? { nodes: await recorded(client, path, node) }
        : must(
            await client.POST('/v1/repos/{owner}/{repo}/plans', {
              params: { path },
              body: node === undefined ? {} : { node },
            }),
          )
      if (options.json) return session.printJson(made)
      if (made.nodes.length === 0) return session.note('There are no nodes to plan for.\n')
      session.print(made.nodes.map((one) => show(session, one, options.all === true)).join('\n'))
      if ('id' in made) session.note(promise(made))
    })
  examples(command, 'devops plan web', 'devops plan --recorded --json')
}

async function recorded(client: Client, path: Repo['path'], node: string | undefined): Promise<NodePlan[]> {
  const query = { live: false }
  return must(
    node === undefined
      ? await client.GET('/v1/repos/{owner}/{repo}/plan', { params: { path, query } })
      : await client.GET('/v1/repos/{owner}/{repo}/nodes/{node}/plan', {
          params: { path: { ...path, node }, query },
        }),
  )
}

/** How to do exactly this, when there is something to do. */
function promise({ id, digest, commit, nodes }: Schemas['Plan']): string {
  const head = `\nPlan ${id} of commit ${shortCommit(commit)}, digest ${digest.slice(0, 12)}.`
  if (nodes.every(({ verdict }) => verdict === 'no change')) return `${head}\n`
  const blind = nodes.filter(({ verdict }) => verdict === 'unknown').map(({ node }) => node)
  if (blind.length > 0) return `${head} It promises nothing: ${blind.join(', ')} could not be looked at.\n`
  return `${head} Do this and nothing else, within a day: \`devops sync --plan ${id}\`.\n`
}

function show(session: Session, { node, verdict, reason, changes, as_of }: NodePlan, all: boolean): string {
  const since = verdict === 'unknown' ? 'last synced' : 'as of'
  const seen = as_of === null ? 'never looked at' : `${since} ${ago(as_of, session.now())}`
  const same = changes.filter((change) => change.verdict === 'no change').length
  const shown = all ? changes : changes.filter((change) => change.verdict !== 'no change')
  const head = `${session.paint('bold', node)}: ${verdict}${reason ? ` (${printable(reason)})` : ''}, ${seen}\n`
  const rest =
    same > 0 && !all
      ? `  ${count(same, 'resource')} ${same === 1 ? 'stays' : 'stay'} as ${same === 1 ? 'it is' : 'they are'}\n`
      : ''
  return head + shown.map((change) => entry(session, change)).join('') + rest
}

function entry(
  { paint }: Session,
  { resource, verdict, summary, diff }: NodePlan['changes'][number],
): string {
  const lines = (diff ?? '').split('\n').filter(Boolean)
  const body = lines.map((line) => {
    const colour = colours[line[0] ?? '']
    return `      ${colour ? paint(colour, printable(line)) : printable(line)}\n`
  })
  const mark = verdict === 'change' ? '' : `${verdict}: `
  return `  ${printable(resource)}  ${mark}${printable(summary)}\n${body.join('')}`
}
