import Type from 'typebox'

/** Names of users, repositories, nodes and tasks. One rule, so that a name is safe in a path, a URL, a shell and a template. */
const NAME = '[A-Za-z0-9][A-Za-z0-9_-]{0,62}'
export const namePattern = new RegExp(`^${NAME}$`)

export const Name = Type.String({ pattern: `^${NAME}$`, description: 'letters, digits, - and _, at most 63' })
/** `owner/name` */
export const RepoId = Type.String({ pattern: `^${NAME}/${NAME}$`, description: 'owner/name' })
export const CommitId = Type.String({ pattern: '^[0-9a-f]{40}$', description: 'full commit id' })
/** Milliseconds since the epoch. */
export const Time = Type.Integer({ minimum: 0, description: 'milliseconds since the epoch' })

export type RepoId = Type.Static<typeof RepoId>
