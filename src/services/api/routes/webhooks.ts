import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { strict } from '#contracts/define.ts'
import { Delivery, DeliveryContent } from '#contracts/deliveries.ts'
import { RepoId } from '#contracts/ids.ts'
import { Schedule } from '#contracts/schedules.ts'
import { Problem } from '#kit/problem.ts'
import { atAddress, atDeliveryRun } from '../location.ts'
import { requireWebhook } from '../names.ts'
import { type Route, rawRoute, route } from '../route.ts'
import { HookAnswer, Webhook } from '../views.ts'

const isRepoId = Compile(RepoId)

/** Webhooks, their deliveries, and crons. */
export const webhooks: Route[] = [
  rawRoute(
    {
      id: 'receiveWebhook',
      method: 'POST',
      path: '/hooks/:owner/:repo/*',
      access: 'public',
      scope: 'repo',
      summary: 'Starts the task that has this webhook; any body up to 1 MiB',
      status: 202,
      location: atAddress,
      response: HookAnswer,
    },
    async ({ repo, params, headers, query, body, from }, { bus }) => {
      // One answer for what is not there and what cannot be.
      if (!isRepoId.Check(repo)) throw new Problem('not_found', { what: 'webhook at this address' })
      const path = (params as Record<string, string>)['*'] ?? ''
      const request = { repo, path, headers, query: textsOf(query), body: body.toString('base64'), from }
      const { delivery, run, repeated } = await bus.ask('tasker.receive_webhook', request)
      return { delivery, run, repeated, address: `/v1/repos/${repo}/runs/${run}` }
    },
  ),
  route(
    {
      id: 'listWebhooks',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/webhooks',
      access: 'repo.read',
      scope: 'repo',
      summary: 'Webhooks, their addresses and the tasks that they start',
      response: Type.Array(Webhook),
    },
    async ({ repo }, { bus }) => {
      const { tasks } = await bus.ask('git.infrastructure', { repo })
      return tasks.flatMap(({ id, triggers }) =>
        triggers.webhooks.map((webhook) => ({
          ...webhook,
          task: id,
          address: `/hooks/${repo}/${webhook.path}`,
        })),
      )
    },
  ),
  route(
    {
      id: 'listCrons',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/crons',
      access: 'repo.read',
      scope: 'repo',
      summary: 'Crontab lines of tasks, and when they come next',
      response: Type.Array(Schedule),
    },
    ({ repo }, { bus }) => bus.ask('tasker.list_schedules', { repo }),
  ),
  route(
    {
      id: 'listDeliveries',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/deliveries',
      access: 'logs.read',
      scope: 'repo',
      summary: 'Deliveries to webhooks, newest first',
      query: strict({
        path: Type.Optional(Type.String({ maxLength: 200 })),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
      }),
      response: Type.Array(Delivery),
    },
    async ({ repo, query }, { bus }) => {
      const found = await bus.ask('tasker.list_deliveries', { repo, limit: 20, ...query })
      if (found.length === 0 && query.path !== undefined) await requireWebhook(bus, repo, query.path)
      return found
    },
  ),
  route(
    {
      id: 'getDelivery',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/deliveries/:delivery',
      access: 'logs.read',
      scope: 'repo',
      summary: 'A delivery with its headers and its payload',
      response: DeliveryContent,
    },
    ({ repo, params }, { bus }) => bus.ask('tasker.get_delivery', { repo, delivery: params.delivery }),
  ),
  route(
    {
      id: 'redeliver',
      method: 'POST',
      path: '/v1/repos/:owner/:repo/deliveries/:delivery/redeliver',
      access: 'task.run',
      scope: 'repo',
      summary: 'Takes a delivery again as it came: another run',
      status: 202,
      location: atDeliveryRun,
      response: Delivery,
    },
    ({ repo, params, identity }, { bus }) =>
      bus.ask('tasker.redeliver', { repo, delivery: params.delivery, by: identity.user }),
  ),
]

/** Of a name that came more than once all values, with commas between. */
const textsOf = (query: Record<string, string | string[]>): Record<string, string> =>
  Object.fromEntries(Object.entries(query).map(([name, value]) => [name, [value].flat().join(', ')]))
