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
export const routes: readonly Route[] = [
  ...people,
  ...audit,
  ...credentials,
  ...repositories,
  ...settings,
  ...rollback,
  ...files,
  ...nodes,
  ...plans,
  ...tasks,
  ...runs,
  ...webhooks,
  ...logs,
  ...secrets,
  ...streams,
]
