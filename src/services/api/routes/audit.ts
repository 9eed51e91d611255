import Type from 'typebox'
import type { Bus } from '#bus'
import type { Input, Output } from '#contracts'
import { AuditEntry, AuditHead, AuditVerdict } from '#contracts/audit.ts'
import { strict } from '#contracts/define.ts'
import { Time } from '#contracts/ids.ts'
import type { Identity } from '#contracts/profiles.ts'
import { noSuch } from '../names.ts'
import { requireUser } from '../nearest.ts'
import { type Route, route } from '../route.ts'
import { routes } from '../routes.ts'

/** Every entry is read and hashed again. */
const VERIFY = 120_000

const filter = {
  actor: Type.Optional(Type.String({ description: 'user name' })),
  action: Type.Optional(Type.String({ description: 'id of a route, git.push, sign_in, credential.use' })),
  since: Type.Optional(Time),
  before: Type.Optional(Type.Integer({ description: 'entries with a smaller number' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
}

type Asked = Omit<Input<'profiles.list_audit'>, 'limit'> & { limit?: number }

/** Entries that fit. Of a user or an action that nothing is known of, none is a misspelt name. */
async function entries(bus: Bus, identity: Identity, asked: Asked): Promise<AuditList> {
  const found = await bus.ask('profiles.list_audit', { limit: 100, ...asked })
  if (found.length > 0) return found
  const { actor, action } = asked
  const { repo } = asked
  const none = async (filter: object) =>
    (await bus.ask('profiles.list_audit', { limit: 1, ...(repo !== undefined && { repo }), ...filter }))
      .length === 0
  if (actor !== undefined && (await none({ actor }))) await requireUser(bus, identity, actor)
  if (action !== undefined && (await none({ action }))) requireAction(action)
  return found
}

type AuditList = Output<'profiles.list_audit'>

/** What is no route. */
const OTHER_ACTIONS = ['git.push', 'sign_in', 'credential.use', 'secret.use']

function requireAction(action: string): void {
  const known = [...OTHER_ACTIONS, ...routes.filter(({ method }) => method !== 'GET').map(({ id }) => id)]
  if (!known.includes(action)) throw noSuch('action', action, ' in the audit', known)
}

export const audit: Route[] = [
  route(
    {
      id: 'listAudit',
      method: 'GET',
      path: '/v1/audit',
      access: 'audit.read',
      scope: 'platform',
      summary: 'Who changed what, and used which credential, newest first',
      query: strict(filter),
      response: Type.Array(AuditEntry),
    },
    ({ query, identity }, { bus }) => entries(bus, identity, query),
  ),
  route(
    {
      id: 'listRepositoryAudit',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/audit',
      access: 'audit.read',
      scope: 'repo',
      summary: 'Who changed what in a repository, newest first',
      query: strict(filter),
      response: Type.Array(AuditEntry),
    },
    ({ repo, query, identity }, { bus }) => entries(bus, identity, { ...query, repo }),
  ),
  route(
    {
      id: 'verifyAudit',
      method: 'GET',
      path: '/v1/audit/verify',
      access: 'audit.read',
      scope: 'platform',
      summary:
        'Whether entries were changed, removed, reordered or cut off; with `head`, also since it was noted',
      query: strict({ head: Type.Optional(AuditHead) }),
      response: AuditVerdict,
    },
    ({ query }, { bus }) => bus.ask('profiles.verify_audit', query, { deadline: VERIFY }),
  ),
]
