export interface RepositoryRow {
  repo: string
  /** Lower case: two names that differ by case only would be one folder on some disks. */
  folded: string
  owner: string
  owner_folded: string
  /** The branch that servers follow. */
  branch: string
  /** The tip of `branch` that was last announced with `repo.pushed`. */
  announced: string | null
  /** Number of announcements: makes the id of each unlike the former, also when a branch goes back and forth. */
  pushes: number
  created_at: number
  created_by: string
  /** JSON of the settings that somebody changed; the others are at their defaults. */
  settings: string
  /** JSON: to which commit whoever moved the branch agreed to lose servers, and which; null: to none. */
  agreed: string | null
}

/** A commit that was rolled back. */
export interface MarkRow {
  repo: string
  commit: string
  by: string
  at: number
}

/** A name that a repository had, and when the last one of that name was deleted. */
export interface DeletedRow {
  repo: string
  at: number
}

export interface Tables {
  git_deleted: DeletedRow
  git_repositories: RepositoryRow
  git_marks: MarkRow
}
