import Type from 'typebox'
import { AuditEntry, AuditHead, AuditVerdict } from '#contracts/audit.ts'
import { strict } from '#contracts/define.ts'
import { Time } from '#contracts/ids.ts'
import { type Route, route } from '../route.ts'

/** Every entry is read and hashed again. */
const VERIFY = 120_000

const filter = {
  actor: Type.Optional(Type.String({ description: 'user name' })),
  action: Type.Optional(Type.String({ description: 'id of a route, git.push, sign_in, credential.use' })),
  since: Type.Optional(Time),
  before: Type.Optional(Type.Integer({ description: 'entries with a smaller number' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
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
    ({ query }, { bus }) => bus.ask('profiles.list_audit', { limit: 100, ...query }),
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
    ({ repo, query }, { bus }) => bus.ask('profiles.list_audit', { limit: 100, ...query, repo }),
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
