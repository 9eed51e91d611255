import Type from 'typebox'
import { calls } from '#contracts'
import { strict } from '#contracts/define.ts'
import { Name } from '#contracts/ids.ts'
import { NodePlan } from '#contracts/shazam.ts'
import { Work } from '#contracts/tasker.ts'
import { atWork, atWorks } from '../location.ts'
import { ofNode, requireNode } from '../names.ts'
import { viewNode, viewNodes } from '../nodes.ts'
import { type Route, route } from '../route.ts'
import { Linked, NodeView, Offers } from '../views.ts'

/** Reading many servers, one of which may be slow to refuse. */
const LIVE_PLAN = 120_000
const LINK = 60_000
/** A server may take its time to go down, and again to come up. */
const POWER = 120_000

const Live = strict({
  live: Type.Optional(Type.Boolean({ description: 'read the servers; false when absent' })),
})
const { act } = calls['shazam.power'].input.properties
const { host_key } = calls['shazam.trust'].input.properties
const { repo: _repo, node: _node, by: _by, ...link } = calls['shazam.link'].input.properties

export const nodes: Route[] = [
  route(
    {
      id: 'listNodes',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/nodes',
      access: 'repo.read',
      scope: 'repo',
      summary: 'Nodes: what is wished, what is, how it goes',
      response: Type.Array(NodeView),
    },
    ({ repo }, { bus }) => viewNodes(bus, repo),
  ),
  route(
    {
      id: 'getNode',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/nodes/:node',
      access: 'repo.read',
      scope: 'repo',
      summary: 'A node',
      response: NodeView,
    },
    ({ repo, params }, { bus }) => viewNode(bus, repo, params.node),
  ),
  route(
    {
      id: 'syncNode',
      method: 'POST',
      path: '/v1/repos/:owner/:repo/nodes/:node/sync',
      access: 'node.sync',
      scope: 'repo',
      summary: 'Queues a sync of a node',
      status: 202,
      location: atWorks,
      response: Type.Array(Work),
    },
    ({ repo, params, identity }, { bus }) =>
      bus.ask('tasker.sync', { repo, node: params.node, by: identity.user }),
  ),
  route(
    {
      id: 'syncAll',
      method: 'POST',
      path: '/v1/repos/:owner/:repo/sync',
      access: 'node.sync',
      scope: 'repo',
      summary: 'Queues a sync of every node',
      status: 202,
      location: atWorks,
      response: Type.Array(Work),
    },
    ({ repo, identity }, { bus }) => bus.ask('tasker.sync', { repo, by: identity.user }),
  ),
  route(
    {
      id: 'linkNode',
      method: 'POST',
      path: '/v1/repos/:owner/:repo/nodes/:node/link',
      access: 'node.link',
      scope: 'repo',
      summary:
        'Takes an existing machine as the server of a node; the password or key is used once and not kept',
      body: strict(link),
      shows: ['host', 'port', 'user'],
      response: Linked,
    },
    async ({ repo, params, body, identity }, { bus }) => {
      const { node } = params
      const told = await bus.ask(
        'shazam.link',
        { repo, node, by: identity.user, ...body },
        { deadline: LINK },
      )
      // What waited for the machine begins.
      if (!body.only_look) await bus.ask('tasker.sync', { repo, node, by: identity.user })
      return told
    },
  ),
  route(
    {
      id: 'trustNode',
      method: 'PUT',
      path: '/v1/repos/:owner/:repo/nodes/:node/host-key',
      access: 'node.link',
      scope: 'repo',
      summary: 'Accepts the new host key that the server of a node shows, in place of the former',
      body: strict({ host_key }),
      response: calls['shazam.trust'].output,
    },
    ({ repo, params, body, identity }, { bus }) =>
      ofNode(
        bus,
        repo,
        params.node,
        bus.ask('shazam.trust', { repo, node: params.node, by: identity.user, ...body }, { deadline: LINK }),
      ),
  ),
  route(
    {
      id: 'powerNode',
      method: 'POST',
      path: '/v1/repos/:owner/:repo/nodes/:node/power',
      access: 'node.sync',
      scope: 'repo',
      summary: 'Starts, stops or reboots the server of a node at its provider, also while work is done on it',
      body: strict({ act }),
      shows: ['act'],
      response: calls['shazam.power'].output,
    },
    ({ repo, params, body, identity }, { bus }) =>
      ofNode(
        bus,
        repo,
        params.node,
        bus.ask('shazam.power', { repo, node: params.node, by: identity.user, ...body }, { deadline: POWER }),
      ),
  ),
  route(
    {
      id: 'listOffers',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/providers/:provider/offers',
      access: 'node.sync',
      scope: 'repo',
      summary: 'Sizes, locations and images of a provider, as a credential of the owner opens it',
      query: strict({ credential: Type.Optional(Name) }),
      response: Offers,
    },
    ({ repo, params, query, signal }, { bus }) =>
      bus.ask('shazam.offers', { repo, provider: params.provider, ...query }, { deadline: LINK, signal }),
  ),
  route(
    {
      id: 'unlinkNode',
      method: 'DELETE',
      path: '/v1/repos/:owner/:repo/nodes/:node/link',
      access: 'node.link',
      scope: 'repo',
      summary: 'Lets a linked machine go: what is ours on it is removed, it itself stays',
      status: 202,
      location: atWork,
      response: Work,
    },
    ({ repo, params, identity }, { bus }) =>
      ofNode(
        bus,
        repo,
        params.node,
        bus.ask('tasker.unlink', { repo, node: params.node, by: identity.user }),
      ),
  ),
  route(
    {
      id: 'planNode',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/nodes/:node/plan',
      access: 'repo.read',
      scope: 'repo',
      summary: 'What a sync of a node would do',
      query: Live,
      response: Type.Array(NodePlan),
    },
    async ({ repo, params: { node }, query, signal }, { bus }) => {
      const asked = { repo, nodes: [node], live: query.live ?? false }
      const found = await bus.ask('shazam.plan', asked, { deadline: LIVE_PLAN, signal })
      if (found.length === 0) await requireNode(bus, repo, node)
      return found
    },
  ),
  route(
    {
      id: 'plan',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/plan',
      access: 'repo.read',
      scope: 'repo',
      summary: 'What a sync of every node would do',
      query: Live,
      response: Type.Array(NodePlan),
    },
    ({ repo, query, signal }, { bus }) =>
      bus.ask('shazam.plan', { repo, live: query.live ?? false }, { deadline: LIVE_PLAN, signal }),
  ),
]
