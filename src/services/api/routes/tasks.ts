import Type from 'typebox'
import type { Bus } from '#bus'
import { strict } from '#contracts/define.ts'
import { Name } from '#contracts/ids.ts'
import { Run, Work, workStates } from '#contracts/tasker.ts'
import { atRun, atWork } from '../location.ts'
import { noSuch, requireNode, requireTask } from '../names.ts'
import { type Route, route } from '../route.ts'
import { countedRun, countedRuns } from '../steps.ts'
import { TaskView } from '../views.ts'

const Limit = Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 }))

const State = Type.Union(workStates.map((state) => Type.Literal(state)))

export const tasks: Route[] = [
  route(
    {
      id: 'listTasks',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/tasks',
      access: 'repo.read',
      scope: 'repo',
      summary: 'Tasks, each with its latest run',
      response: Type.Array(TaskView),
    },
    async ({ repo }, { bus }) => {
      const { tasks } = await bus.ask('git.infrastructure', { repo })
      return Promise.all(tasks.map((task) => viewTask(bus, repo, task)))
    },
  ),
  route(
    {
      id: 'getTask',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/tasks/:task',
      access: 'repo.read',
      scope: 'repo',
      summary: 'A task with its latest run',
      response: TaskView,
    },
    async ({ repo, params }, { bus }) => {
      const { tasks } = await bus.ask('git.infrastructure', { repo })
      const task = tasks.find(({ id }) => id === params.task)
      if (!task)
        throw noSuch(
          'task',
          params.task,
          ` in ${repo}`,
          tasks.map(({ id }) => id),
        )
      return viewTask(bus, repo, task)
    },
  ),
  route(
    {
      id: 'startRun',
      method: 'POST',
      path: '/v1/repos/:owner/:repo/tasks/:task/runs',
      access: 'task.run',
      scope: 'repo',
      summary: 'Queues a run of a task',
      body: strict({ vars: Type.Optional(Type.Record(Type.String(), Type.Unknown())) }),
      status: 202,
      location: atRun,
      response: Run,
    },
    async ({ repo, params, body, identity }, { bus }) =>
      countedRun(await bus.ask('tasker.start_run', { repo, task: params.task, ...body, by: identity.user })),
  ),
  route(
    {
      id: 'listRuns',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/runs',
      access: 'repo.read',
      scope: 'repo',
      summary: 'Runs, newest first',
      query: strict({ task: Type.Optional(Name), limit: Limit }),
      response: Type.Array(Run),
    },
    async ({ repo, query }, { bus }) => {
      const found = await bus.ask('tasker.list_runs', { repo, limit: 10, ...query })
      if (found.length === 0 && query.task !== undefined) await requireTask(bus, repo, query.task)
      return countedRuns(found)
    },
  ),
  route(
    {
      id: 'getRun',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/runs/:run',
      access: 'repo.read',
      scope: 'repo',
      summary: 'A run with its steps',
      response: Run,
    },
    async ({ repo, params }, { bus }) =>
      countedRun(await bus.ask('tasker.get_run', { repo, run: params.run })),
  ),
  route(
    {
      id: 'listWorks',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/works',
      access: 'repo.read',
      scope: 'repo',
      summary: 'Works (syncs, destroys and runs), newest first',
      query: strict({
        node: Type.Optional(Name),
        state: Type.Optional(State),
        limit: Limit,
      }),
      response: Type.Array(Work),
    },
    async ({ repo, query: { state, ...query } }, { bus }) => {
      const states = state ? { states: [state] } : {}
      const found = await bus.ask('tasker.list_works', { repo, limit: 50, ...query, ...states })
      // With a state nothing follows: a node that is gone may have works in another one.
      if (found.length === 0 && !state && query.node !== undefined) await requireNode(bus, repo, query.node)
      return found
    },
  ),
  route(
    {
      id: 'getWork',
      method: 'GET',
      path: '/v1/repos/:owner/:repo/works/:work',
      access: 'repo.read',
      scope: 'repo',
      summary: 'A work',
      response: Work,
    },
    ({ repo, params }, { bus }) => bus.ask('tasker.get_work', { repo, work: params.work }),
  ),
  route(
    {
      id: 'cancelWork',
      method: 'POST',
      path: '/v1/repos/:owner/:repo/works/:work/cancel',
      access: 'task.cancel',
      scope: 'repo',
      summary: 'Cancels a work that waits or runs',
      status: 202,
      location: atWork,
      response: Work,
    },
    ({ repo, params, identity }, { bus }) =>
      bus.ask('tasker.cancel', { repo, work: params.work, by: identity.user }),
  ),
]

async function viewTask(bus: Bus, repo: string, task: Type.Static<typeof TaskView>['task']) {
  const [last_run = null] = await bus.ask('tasker.list_runs', { repo, task: task.id, limit: 1 })
  return { task, last_run: last_run && countedRun(last_run) }
}
