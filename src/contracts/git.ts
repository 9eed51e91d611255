import Type from 'typebox'
import { call, Nothing, nullable, strict } from './define.ts'
import { Finding, Infrastructure } from './descriptors.ts'
import * as files from './files.ts'
import { CommitId, Name, RepoId, Time } from './ids.ts'
import { Settings, SettingsChange } from './settings.ts'

export const Repository = strict({
  repo: RepoId,
  created_at: Time,
  /** The branch that servers follow. */
  branch: Type.String(),
  /** Its tip; null while nothing was pushed. */
  commit: nullable(CommitId),
})

const File = strict({ path: Type.String(), content: Type.String() })

export const calls = {
  'git.create_repository': call(strict({ repo: RepoId, by: Type.String() }), Repository),
  /** All repositories, or one owner's. */
  'git.list_repositories': call(strict({ owner: Type.Optional(Name) }), Type.Array(Repository)),
  'git.get_repository': call(strict({ repo: RepoId }), Repository),
  /** Refused with `conflict` while the repository has servers on record, or anything of it runs. */
  'git.delete_repository': call(strict({ repo: RepoId, by: Type.String() }), Nothing),
  /** The checked descriptors at a commit; at the active branch's tip when absent. Cached by commit. */
  'git.infrastructure': call(strict({ repo: RepoId, commit: Type.Optional(CommitId) }), Infrastructure),
  /**
   * Brings the files of a former commit of the active branch back by a new commit, and marks those in between: they are
   * not applied again. Throws `conflict` when servers would be lost that are not named.
   */
  'git.rollback': call(
    strict({
      repo: RepoId,
      to: Type.String({ pattern: '^[0-9a-f]{4,40}$' }),
      by: Type.String(),
      destroy: Type.Optional(Type.Array(Name)),
      replace: Type.Optional(Type.Array(Name)),
    }),
    strict({ commit: CommitId, to: CommitId, marked: Type.Array(CommitId) }),
  ),
  'git.get_settings': call(strict({ repo: RepoId }), Settings),
  /**
   * Another `branch` is judged like a push of its tip: `refused` when its descriptors have errors, `conflict` when servers
   * would be lost without consent. The nodes then follow it.
   */
  'git.set_settings': call(strict({ repo: RepoId, change: SettingsChange, by: Type.String() }), Settings),
  ...files.calls,
  /** What a push of these files would be told. */
  'git.validate': call(strict({ repo: RepoId, files: Type.Array(File) }), Type.Array(Finding)),
}

/** Nodes whose server whoever pushed agreed to lose; `all`: each. */
export const Agreed = strict({ destroy: Type.Array(Type.String()), replace: Type.Array(Type.String()) })

export const events = {
  'repo.created': strict({ repo: RepoId, by: Type.String() }),
  /** `at`: later than all that was done in it, and earlier than another of its name; absent in events of a former version. */
  'repo.deleted': strict({ repo: RepoId, by: Type.String(), at: Type.Optional(Time) }),
  /** The active branch moved. Subject: the repository. */
  'repo.pushed': strict({
    repo: RepoId,
    branch: Type.String(),
    before: nullable(CommitId),
    /** Null when the branch was deleted. */
    after: nullable(CommitId),
    by: Type.String(),
    /** What the push, or the settings, agreed to; absent: to nothing. */
    agreed: Type.Optional(Agreed),
  }),
  /** Subject: the repository. `settings`: all of them, as they are now. */
  'repo.settings_changed': strict({ repo: RepoId, settings: Settings, by: Type.String() }),
}

export const queues = {}

export type Agreed = Type.Static<typeof Agreed>
export type Repository = Type.Static<typeof Repository>
