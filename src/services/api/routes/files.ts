import Type from 'typebox'
import { calls } from '#contracts'
import { strict } from '#contracts/define.ts'
import { Blame, BranchView, Committed, Diff, File, History, NewCommit, Tree } from '#contracts/files.ts'
import { type Route, route } from '../route.ts'

/** Milliseconds in which a commit is judged and planned. */
const JUDGEMENT = 60_000
const read = { method: 'GET', access: 'repo.read', scope: 'repo' } as const

const { repo: _tree, ...tree } = calls['git.tree'].input.properties
const { repo: _file, ...file } = calls['git.file'].input.properties
const { repo: _log, limit, ...log } = calls['git.log'].input.properties
const { repo: _diff, to: _to, ...diff } = calls['git.diff'].input.properties

export const files: Route[] = [
  route(
    {
      ...read,
      id: 'listBranches',
      path: '/v1/repos/:owner/:repo/branches',
      summary: 'Branches, and which of them the servers follow',
      response: Type.Array(BranchView),
    },
    ({ repo }, { bus }) => bus.ask('git.branches', { repo }),
  ),
  route(
    {
      ...read,
      id: 'getTree',
      path: '/v1/repos/:owner/:repo/tree',
      summary: 'What a folder of a repository holds, at a commit',
      query: strict(tree),
      response: Tree,
    },
    ({ repo, query }, { bus }) => bus.ask('git.tree', { repo, ...query }),
  ),
  route(
    {
      ...read,
      id: 'getFile',
      path: '/v1/repos/:owner/:repo/file',
      summary: 'A file of a repository, at a commit; base64 when it is not text',
      query: strict(file),
      response: File,
    },
    ({ repo, query }, { bus }) => bus.ask('git.file', { repo, ...query }),
  ),
  route(
    {
      ...read,
      id: 'getBlame',
      path: '/v1/repos/:owner/:repo/blame',
      summary: 'Which commit brought which line of a file',
      query: strict(file),
      response: Blame,
    },
    ({ repo, query }, { bus }) => bus.ask('git.blame', { repo, ...query }),
  ),
  route(
    {
      ...read,
      id: 'listCommits',
      path: '/v1/repos/:owner/:repo/commits',
      summary:
        'History of a repository or a path, newest first; the next page: `commit` = `from`, greater `skip`',
      query: strict({ ...log, limit: Type.Optional(limit) }),
      response: History,
    },
    ({ repo, query }, { bus }) => bus.ask('git.log', { repo, limit: 50, ...query }),
  ),
  route(
    {
      id: 'commit',
      method: 'POST',
      path: '/v1/repos/:owner/:repo/commits',
      access: 'repo.write',
      scope: 'repo',
      summary: 'Changes files: judged, planned and carried out as a push of the commit would be',
      body: NewCommit,
      shows: ['message', 'branch', 'parent', 'destroy', 'replace', 'dry_run'],
      status: 201,
      response: Committed,
    },
    ({ repo, body, identity }, { bus }) =>
      bus.ask('git.commit', { repo, by: identity.user, ...body }, { deadline: JUDGEMENT }),
  ),
  route(
    {
      ...read,
      id: 'getDiff',
      path: '/v1/repos/:owner/:repo/commits/:commit/diff',
      summary: 'What a commit changed, against its parent or against `from`',
      query: strict(diff),
      response: Diff,
    },
    ({ repo, params, query }, { bus }) => bus.ask('git.diff', { repo, to: params.commit, ...query }),
  ),
]
