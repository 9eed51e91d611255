import Type from 'typebox'
import { strict } from '#contracts/define.ts'
import { Run } from '#contracts/tasker.ts'
import { atRun } from '../location.ts'
import { type Route, route } from '../route.ts'
import { countedRun } from '../steps.ts'

/** What people decide about a run. */
export const runs: Route[] = [
  route(
    {
      id: 'approveRun',
      method: 'POST',
      path: '/v1/repos/:owner/:repo/runs/:run/approve',
      access: 'run.approve',
      scope: 'repo',
      summary: 'Lets a run begin that waits for approval',
      response: Run,
    },
    async ({ repo, params, identity }, { bus }) =>
      countedRun(
        await bus.ask('tasker.consent', { repo, run: params.run, by: identity.user, approve: true }),
      ),
  ),
  route(
    {
      id: 'refuseRun',
      method: 'POST',
      path: '/v1/repos/:owner/:repo/runs/:run/refuse',
      access: 'run.approve',
      scope: 'repo',
      summary: 'Ends a run that waits for approval',
      body: strict({ why: Type.Optional(Type.String({ maxLength: 500 })) }),
      response: Run,
    },
    async ({ repo, params, body, identity }, { bus }) => {
      const decided = { repo, run: params.run, by: identity.user, approve: false, ...body }
      return countedRun(await bus.ask('tasker.consent', decided))
    },
  ),
  route(
    {
      id: 'retryRun',
      method: 'POST',
      path: '/v1/repos/:owner/:repo/runs/:run/retry',
      access: 'task.run',
      scope: 'repo',
      summary: 'Runs again what a run that has ended was made from: all of it, or what failed',
      body: strict({ failed: Type.Optional(Type.Boolean()) }),
      status: 202,
      location: atRun,
      response: Run,
    },
    async ({ repo, params, body, identity }, { bus }) => {
      const again = { repo, run: params.run, by: identity.user, failed: body.failed ?? false }
      return countedRun(await bus.ask('tasker.retry_run', again))
    },
  ),
]
