import Type from 'typebox'
import { call, nullable, strict } from './define.ts'
import { CommitId, Name, RepoId, Time } from './ids.ts'
import { NodePlan } from './shazam.ts'

/** Files of a repository and their history. Where no commit is named, that of the active branch is meant. */

const Path = Type.String({ minLength: 1, maxLength: 1000, description: 'path in the repository' })
const Branch = Type.String({ minLength: 1, maxLength: 200 })
const At = { repo: RepoId, commit: Type.Optional(CommitId) }

export const Commit = strict({
  commit: CommitId,
  parents: Type.Array(CommitId),
  /** `name <email>` */
  author: Type.String(),
  at: Time,
  message: Type.String(),
})

export const History = strict({
  /** Where it begins: named again with a greater `skip`, it gives the next page of the same history. */
  from: nullable(CommitId),
  commits: Type.Array(Commit),
  more: Type.Boolean(),
})

export const BranchView = strict({
  branch: Type.String(),
  commit: CommitId,
  /** The servers follow it. */
  active: Type.Boolean(),
})

export const entryTypes = ['folder', 'file', 'executable', 'link', 'submodule'] as const

export const Entry = strict({
  path: Type.String(),
  type: Type.Enum(entryTypes),
  /** Bytes; 0 of folders and submodules. */
  size: Type.Integer(),
  /** Git's id of the content. */
  id: Type.String(),
})

export const Tree = strict({ commit: nullable(CommitId), entries: Type.Array(Entry) })

const Encoding = Type.Enum(['utf-8', 'base64'])

export const File = strict({
  path: Type.String(),
  commit: CommitId,
  id: Type.String(),
  size: Type.Integer(),
  executable: Type.Boolean(),
  /** `base64` of what is not text in UTF-8. */
  encoding: Encoding,
  content: Type.String(),
})

export const FileDiff = strict({
  path: Type.String(),
  /** The path before, when it was moved. */
  from: nullable(Type.String()),
  status: Type.Enum(['added', 'changed', 'deleted', 'moved', 'type changed']),
  /** Lines; null of binary files. */
  added: nullable(Type.Integer()),
  removed: nullable(Type.Integer()),
  /** Unified diff, `@@` and below; null of binary files, and of what is beyond the limit of the answer. */
  patch: nullable(Type.String()),
})

export const Diff = strict({
  /** Null: before the first commit. */
  from: nullable(CommitId),
  to: CommitId,
  files: Type.Array(FileDiff),
  /** Patches were left out for their size. */
  cut: Type.Boolean(),
})

/** Lines in a row that came with one commit. */
export const Blame = strict({
  path: Type.String(),
  commit: CommitId,
  parts: Type.Array(
    strict({
      commit: CommitId,
      author: Type.String(),
      at: Time,
      summary: Type.String(),
      /** From 1. */
      line: Type.Integer(),
      lines: Type.Array(Type.String()),
    }),
  ),
})

/** `content`: the file has it from now on. `delete`: the file, or the folder with all that is in it, goes. */
export const FileChange = Type.Union([
  strict({
    path: Path,
    content: Type.String(),
    encoding: Type.Optional(Encoding),
    executable: Type.Optional(Type.Boolean()),
  }),
  strict({ path: Path, delete: Type.Literal(true) }),
])

const Consented = Type.Optional(
  Type.Array(Type.String(), { description: 'nodes whose server may be lost, or `all`' }),
)

export const NewCommit = strict({
  message: Type.String({ minLength: 1, maxLength: 10_000 }),
  changes: Type.Array(FileChange, { minItems: 1, maxItems: 1000 }),
  /** The tip that the changes were made on; null: the branch is new or the repository empty. */
  parent: nullable(CommitId),
  /** The active branch when absent. */
  branch: Type.Optional(Branch),
  destroy: Consented,
  replace: Consented,
  /** Judge and plan, and change nothing. */
  dry_run: Type.Optional(Type.Boolean()),
})

export const Committed = strict({
  /** Null: it was a dry run. */
  commit: nullable(CommitId),
  branch: Type.String(),
  /** What a push of it would have been told. */
  answer: Type.Array(Type.String()),
  /** Null: the branch is not active, or no plan could be had. */
  plan: nullable(Type.Array(NodePlan)),
})

export const calls = {
  'git.branches': call(strict({ repo: RepoId }), Type.Array(BranchView)),
  /** Newest first; of one file or folder when `path` is named. */
  'git.log': call(
    strict({
      ...At,
      path: Type.Optional(Path),
      skip: Type.Optional(Type.Integer({ minimum: 0 })),
      limit: Type.Integer({ minimum: 1, maximum: 1000 }),
    }),
    History,
  ),
  /** What a folder holds, or with `recursive` all files below it. */
  'git.tree': call(
    strict({ ...At, path: Type.Optional(Path), recursive: Type.Optional(Type.Boolean()) }),
    Tree,
  ),
  'git.file': call(strict({ ...At, path: Path }), File),
  /** From `from`, else the first parent of `to`. */
  'git.diff': call(
    strict({ repo: RepoId, from: Type.Optional(CommitId), to: CommitId, path: Type.Optional(Path) }),
    Diff,
  ),
  'git.blame': call(strict({ ...At, path: Path }), Blame),
  /**
   * Judged as a push is, and refused as one: `refused` with the findings, `conflict` when the branch has moved or when
   * servers would be lost without consent (`destroy` and `replace` name them).
   */
  'git.commit': call(strict({ repo: RepoId, by: Name, ...NewCommit.properties }), Committed),
}

export type Commit = Type.Static<typeof Commit>
export type Entry = Type.Static<typeof Entry>
export type File = Type.Static<typeof File>
export type FileDiff = Type.Static<typeof FileDiff>
export type FileChange = Type.Static<typeof FileChange>
