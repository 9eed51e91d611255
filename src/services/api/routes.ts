import type { Route } from './route.ts'
import { audit } from './routes/audit.ts'
import { credentials } from './routes/credentials.ts'
import { files } from './routes/files.ts'
import { logs } from './routes/logs.ts'
import { nodes } from './routes/nodes.ts'
import { people } from './routes/people.ts'
import { plans } from './routes/plans.ts'
import { repositories } from './routes/repositories.ts'
import { rollback } from './routes/rollback.ts'
import { runs } from './routes/runs.ts'
import { secrets } from './routes/secrets.ts'
import { settings } from './routes/settings.ts'
import { streams } from './routes/streams.ts'
import { tasks } from './routes/tasks.ts'
import { webhooks } from './routes/webhooks.ts'

/** Everything that can be asked of the API, and which right it needs. Nothing is registered from elsewhere. */
export const groups: readonly [tag: string, description: string, routes: readonly Route[]][] = [
  ['People', 'Sign-in, users, keys, tokens and collaborators', people],
  ['Audit', 'Who changed what', audit],
  ['Credentials', 'Accounts at providers', credentials],
  ['Repositories', 'Repositories and their commits', [...repositories, ...rollback, ...files]],
  ['Settings', 'Settings of a repository', settings],
  ['Nodes', 'Servers: state, plans, syncs', [...nodes, ...plans]],
  ['Tasks', 'Tasks, their runs, webhooks and crons', [...tasks, ...runs, ...webhooks]],
  ['Logs', 'Lines of runs, syncs and nodes', logs],
  ['Values', 'Variables, secrets and passwords', secrets],
  ['Streams', 'Events and the platform itself', streams],
]

export const routes: readonly Route[] = groups.flatMap(([, , each]) => each)

const tags = new Map(groups.flatMap(([tag, , each]) => each.map(({ id }) => [id, tag] as const)))

/** Under which heading the OpenAPI document shows a route. */
export const tagOf = ({ id }: Pick<Route, 'id'>): string => tags.get(id) ?? 'Other'
