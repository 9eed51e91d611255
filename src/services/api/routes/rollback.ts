import Type from 'typebox'
import { calls } from '#contracts'
import { strict } from '#contracts/define.ts'
import { requireNode } from '../names.ts'
import { type Route, route } from '../route.ts'

/** Milliseconds in which the former descriptors are judged and planned. */
const JUDGEMENT = 60_000
const { to, destroy, replace } = calls['git.rollback'].input.properties

export const rollback: Route[] = [
  route(
    {
      id: 'rollback',
      method: 'POST',
      path: '/v1/repos/:owner/:repo/rollback',
      access: 'repo.write',
      scope: 'repo',
      summary:
        'Brings a former commit back by a new one on the active branch; those in between are not applied again',
      body: strict({ to, destroy: Type.Optional(destroy), replace: Type.Optional(replace) }),
      response: calls['git.rollback'].output,
    },
    async ({ repo, body, identity }, { bus }) => {
      for (const node of [...(body.destroy ?? []), ...(body.replace ?? [])])
        await requireNode(bus, repo, node)
      return bus.ask('git.rollback', { repo, ...body, by: identity.user }, { deadline: JUDGEMENT })
    },
  ),
]
