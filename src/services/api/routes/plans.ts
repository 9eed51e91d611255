import Type from 'typebox'
import { strict } from '#contracts/define.ts'
import { Name } from '#contracts/ids.ts'
import { Plan, Work } from '#contracts/tasker.ts'
import { atWorks } from '../location.ts'
import { type Route, route } from '../route.ts'

/** Reading many servers, one of which may be slow to refuse. */
const LOOK = 120_000

export const plans: Route[] = [
  route(
    {
      id: 'makePlan',
      method: 'POST',
      path: '/v1/repos/:owner/:repo/plans',
      access: 'repo.read',
      scope: 'repo',
      summary: 'Looks at the servers and keeps what a sync of a node, or of every node, would do',
      body: strict({ node: Type.Optional(Name) }),
      status: 201,
      response: Plan,
    },
    ({ repo, body, identity, signal }, { bus }) =>
      bus.ask('tasker.make_plan', { repo, ...body, by: identity.user }, { deadline: LOOK, signal }),
  ),
  route(
    {
      id: 'getPlan',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/plans/:plan',
      access: 'repo.read',
      scope: 'repo',
      summary: 'A plan that still holds',
      response: Plan,
    },
    ({ repo, params }, { bus }) => bus.ask('tasker.get_plan', { repo, plan: params.plan }),
  ),
  route(
    {
      id: 'syncPlan',
      method: 'POST',
      path: '/v1/repos/:owner/:repo/plans/:plan/sync',
      access: 'node.sync',
      scope: 'repo',
      summary: 'Queues exactly what a plan says; refused when the commit or a server has moved',
      status: 202,
      location: atWorks,
      response: Type.Array(Work),
    },
    ({ repo, params, identity, signal }, { bus }) =>
      bus.ask('tasker.sync_plan', { repo, plan: params.plan, by: identity.user }, { deadline: LOOK, signal }),
  ),
]
