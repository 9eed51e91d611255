import type { Input, Output } from '#contracts'
import type { Commit } from '#contracts/files.ts'
import { Problem } from '#kit/problem.ts'
import { findFile } from './files.ts'
import { locate, type ReadParts, refuseNoTreePath } from './locate.ts'
import { textOf } from './objects.ts'

const FORMAT = '--format=%H%n%P%n%an <%ae>%n%ct%n%B'

export async function readLog(parts: ReadParts, asked: Input<'git.log'>): Promise<Output<'git.log'>> {
  const { repo, path, skip = 0, limit } = asked
  if (path !== undefined) refuseNoTreePath(path)
  const { at, commit } = await locate(parts, repo, asked.commit)
  if (!commit) return { from: null, commits: [], more: false }
  const page = ['-z', `--skip=${skip}`, `--max-count=${limit + 1}`, FORMAT]
  const out = await parts.git.run(['log', ...page, commit, '--', ...(path ? [path] : [])], { at })
  const commits = out.toString().split('\0').filter(Boolean).map(parseCommit)
  return { from: commit, commits: commits.slice(0, limit), more: commits.length > limit }
}

function parseCommit(text: string): Commit {
  const [commit = '', parents = '', author = '', seconds = '', ...message] = text.split('\n')
  return {
    commit,
    parents: parents.split(' ').filter(Boolean),
    author,
    at: Number(seconds) * 1000,
    message: message.join('\n').trim(),
  }
}

/** Who wrote which line last. */
export async function readBlame(parts: ReadParts, asked: Input<'git.blame'>): Promise<Output<'git.blame'>> {
  const { repo, path } = asked
  const { at, commit } = await locate(parts, repo, asked.commit)
  const entry = commit && (await findFile(parts, { at }, commit, path))
  if (!commit || !entry) throw new Problem('not_found', { what: `file ${path} in ${repo}` })
  if (entry.size > parts.limits.file)
    throw new Problem('invalid', { reason: `${path} is too big to be shown` })
  const out = await parts.git.run(['blame', '--porcelain', commit, '--', path], { at })
  const text = textOf(out)
  if (text === undefined) throw new Problem('invalid', { reason: `${path} is not text in UTF-8` })
  return { path, commit, parts: parseBlame(text) }
}

type Part = Output<'git.blame'>['parts'][number]

/** git-blame(1), The porcelain format: a header a line, details of a commit only where it comes first. */
function parseBlame(text: string): Part[] {
  const details = new Map<string, Pick<Part, 'author' | 'at' | 'summary'>>()
  const parts: Part[] = []
  let current = { commit: '', line: 0 }
  let detail = { author: '', at: 0, summary: '' }
  for (const row of text.split('\n')) {
    const [, commit, line] = /^([0-9a-f]{40}) \d+ (\d+)/.exec(row) ?? []
    if (row.startsWith('\t')) addLine(row.slice(1))
    else if (commit !== undefined) {
      current = { commit, line: Number(line) }
      detail = details.get(commit) ?? { author: '', at: 0, summary: '' }
      details.set(commit, detail as Part)
    } else {
      const value = row.slice(row.indexOf(' ') + 1)
      if (row.startsWith('author ')) detail.author = value
      else if (row.startsWith('author-mail ')) detail.author += ` ${value}`
      else if (row.startsWith('author-time ')) detail.at = Number(value) * 1000
      else if (row.startsWith('summary ')) detail.summary = value
    }
  }
  return parts

  function addLine(text: string): void {
    const last = parts.at(-1)
    if (last?.commit === current.commit && last.line + last.lines.length === current.line)
      last.lines.push(text)
    else parts.push({ ...current, ...detail, lines: [text] })
  }
}
