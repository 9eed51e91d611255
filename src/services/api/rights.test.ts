import assert from 'node:assert/strict'
import { test } from 'node:test'
import { routes } from './routes.ts'

/** Written by hand, not taken from the table that it tests. `~` stands for `/v1/repos/:owner/:repo`. */
const rights: Record<string, string[]> = {
  public: [
    'POST /v1/login',
    'POST /hooks/:owner/:repo/*',
    'GET /healthz',
    'GET /readyz',
    'GET /v1/schemas/:kind',
  ],
  anybody: ['GET /v1/me', 'GET /v1/repos'],
  'repo.create': ['POST /v1/repos'],
  'repo.read': [
    'GET ~',
    'GET ~/branches',
    'GET ~/tree',
    'GET ~/file',
    'GET ~/blame',
    'GET ~/commits',
    'GET ~/commits/:commit/diff',
    'GET ~/settings',
    'GET ~/nodes',
    'GET ~/nodes/:node',
    'GET ~/nodes/:node/plan',
    'GET ~/plan',
    'POST ~/plans',
    'GET ~/plans/:plan',
    'GET ~/tasks',
    'GET ~/tasks/:task',
    'GET ~/runs',
    'GET ~/runs/:run',
    'GET ~/works',
    'GET ~/works/:work',
    'GET ~/webhooks',
    'GET ~/crons',
    'GET ~/events',
  ],
  'var.read': [
    'GET ~/variables',
    'GET ~/variables/history',
    'GET ~/variables/value',
    'GET ~/variables/used-by',
  ],
  'secret.read': ['GET ~/secrets', 'GET ~/secrets/:name/history', 'GET ~/passwords'],
  'logs.read': [
    'GET ~/deliveries',
    'GET ~/deliveries/:delivery',
    'GET ~/logs',
    'GET ~/logs/stream',
    'GET ~/logs/export',
  ],
  'collaborator.read': ['GET ~/collaborators'],
  'repo.write': ['POST ~/rollback', 'POST ~/commits'],
  'node.sync': [
    'POST ~/nodes/:node/sync',
    'POST ~/sync',
    'POST ~/nodes/:node/power',
    'GET ~/providers/:provider/offers',
    'POST ~/plans/:plan/sync',
  ],
  'node.link': ['POST ~/nodes/:node/link', 'PUT ~/nodes/:node/host-key', 'DELETE ~/nodes/:node/link'],
  'task.run': ['POST ~/tasks/:task/runs', 'POST ~/runs/:run/retry', 'POST ~/deliveries/:delivery/redeliver'],
  'task.cancel': ['POST ~/works/:work/cancel'],
  'run.approve': ['POST ~/runs/:run/approve', 'POST ~/runs/:run/refuse'],
  'var.write': ['PUT ~/variables', 'DELETE ~/variables'],
  'secret.write': ['PUT ~/secrets/:name', 'DELETE ~/secrets/:name', 'POST ~/passwords/rotate'],
  'collaborator.write': ['PUT ~/collaborators/:user', 'DELETE ~/collaborators/:user'],
  'settings.write': ['PUT ~/settings'],
  'audit.read': ['GET /v1/audit', 'GET ~/audit', 'GET /v1/audit/verify'],
  'repo.delete': ['DELETE ~'],
  'user.read': [
    'GET /v1/users',
    'GET /v1/users/:user/keys',
    'GET /v1/users/:user/tokens',
    'GET /v1/users/:user/credentials',
  ],
  'user.write': [
    'POST /v1/users',
    'PUT /v1/users/:user',
    'PUT /v1/users/:user/password',
    'DELETE /v1/users/:user',
    'POST /v1/users/:user/keys',
    'DELETE /v1/users/:user/keys/:fingerprint',
    'POST /v1/users/:user/tokens',
    'DELETE /v1/users/:user/tokens/:id',
    'PUT /v1/users/:user/credentials/:name',
    'POST /v1/users/:user/credentials/:name/check',
    'DELETE /v1/users/:user/credentials/:name',
  ],
  'platform.read': ['GET /v1/platform/logs', 'GET /v1/platform/logs/stream', 'GET /v1/platform/logs/export'],
}

const literal = (path: string) => path.replace('~', '/v1/repos/:owner/:repo')

test('security 20, 42: each route needs exactly the right that is written here: a weaker one lets somebody take off what binds them', () => {
  const expected = Object.entries(rights).flatMap(([right, paths]) =>
    paths.map((path) => `${literal(path)} ${right}`),
  )
  const actual = routes.map(({ method, path, access }) => `${method} ${path} ${access}`)
  assert.deepEqual(actual.toSorted(), expected.toSorted())
})
