import type { Command } from 'commander'
import { parseExactJson } from '#language/exact-json.ts'
import { collect, examples, optionsOf } from '../command.ts'
import { wrongUsage } from '../failure.ts'
import { followWorks, newestSeq } from '../follow.ts'
import { report } from '../outcome.ts'
import { must, type Session } from '../session.ts'

interface Options {
  var?: string[]
  wait: boolean
}

export function run(program: Command, session: Session): void {
  const command = program
    .command('run <task> [values...]')
    .description('run a task with values for its inputs, and follow its output; exits 0 when it succeeded')
    .option('--var <name=value>', 'a variable of this run; JSON, or else text', collect)
    .option('--no-wait', 'return as soon as it is queued')
    .action(async (task: string, given: string[], _, self: Command) => {
      const { repo: named, var: pairs, wait } = optionsOf<Options>(self)
      const vars = { ...variables(pairs), ...texts(given) }
      const repo = session.repo(named)
      const client = session.client()
      const after = await newestSeq(client, repo)
      const started = must(
        await client.POST('/v1/repos/{owner}/{repo}/tasks/{task}/runs', {
          params: { path: { ...repo.path, task } },
          body: Object.keys(vars).length === 0 ? {} : { vars },
        }),
      )
      if (!wait) return session.answer(started, `Queued: run ${started.id} of ${task}.\n`)
      report(session, await followWorks(session, repo, [started], after))
    })
  examples(command, 'devops run deploy', 'devops run deploy version=1.4', 'devops run deploy --var dry=true')
}

/** For inputs: as they are written, and the server makes of each what the input wants. */
const texts = (pairs: string[]): Record<string, string> =>
  Object.fromEntries(pairs.map((pair) => split(pair, 'devops run deploy version=1.4')))

const variables = (pairs: string[] = []): Record<string, unknown> =>
  Object.fromEntries(
    pairs.map((pair) => {
      const [name, value] = split(pair, '--var version=1.4')
      return [name, parseValue(value)]
    }),
  )

function split(pair: string, example: string): [name: string, value: string] {
  const [, name = '', value = ''] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(pair) ?? []
  if (name === '') throw wrongUsage(`\`${pair}\` is no variable.`, `Write it as NAME=VALUE: \`${example}\`.`)
  return [name, value]
}

/** `3`, `true`, `[1,2]` and `"text"` are JSON; anything else, and a whole number beyond 2^53, is text. */
function parseValue(text: string): unknown {
  try {
    return parseExactJson(text)
  } catch {
    return text
  }
}
