import type { Command } from 'commander'
import type { Schemas } from '#client'
import { examples, optionsOf } from '../command.ts'
import { nodeRows } from '../nodes.ts'
import { must, type Session } from '../session.ts'
import { ago, count, printable, shortCommit } from '../text.ts'

/** `31 of 55: package:nginx, for 12 s` */
const where = ({ at, of, resource, since }: NonNullable<Schemas['Work']['progress']>, now: number): string =>
  `${at} of ${of}: ${resource}, for ${Math.max(0, Math.round((now - since) / 1000))} s`

export function status(program: Command, session: Session): void {
  const command = program
    .command('status')
    .description('a repository at a glance: commit, nodes, what runs and what waits')
    .option('--json', 'print JSON')
    .action(async (_, self: Command) => {
      const { repo: named, json } = optionsOf<{ json?: boolean }>(self)
      const { path } = session.repo(named)
      const client = session.client()
      const params = { params: { path } }
      const work = (state: 'running' | 'waiting') =>
        client.GET('/v1/repos/{owner}/{repo}/works', { params: { path, query: { state, limit: 100 } } })
      const [repository, nodes, running, waiting] = await Promise.all([
        client.GET('/v1/repos/{owner}/{repo}', params).then(must),
        client.GET('/v1/repos/{owner}/{repo}/nodes', params).then(must),
        work('running').then(must),
        work('waiting').then(must),
      ])
      const works = [...running, ...waiting]
      if (json) return session.printJson({ repository, nodes, works })
      const { headings, row } = nodeRows(session)
      const { repo, branch, commit } = repository
      session.print(`${repo}, branch ${branch} at ${commit ? shortCommit(commit) : 'nothing: push to it'}\n`)
      session.print(
        `${count(nodes.length, 'node')}, ${nodes.filter((node) => node.status?.status === 'synced').length} synced\n`,
      )
      if (nodes.length > 0) session.print(`\n${session.table(headings, nodes.map(row))}`)
      if (works.length === 0) return session.print('\nNothing runs, nothing waits.\n')
      const rows = works.map(({ id, kind, task, nodes, state, created_at, waits_for, progress }) => [
        id,
        task ? `${kind} ${task}` : kind,
        nodes.join(','),
        state,
        ago(created_at, session.now()),
        printable(progress ? where(progress, session.now()) : (waits_for ?? '')),
      ])
      session.print(`\n${session.table(['work', 'what', 'nodes', 'state', 'since', 'where it is'], rows)}`)
    })
  examples(command, 'devops status')
}
