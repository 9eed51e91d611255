import type { Run, Work } from '#contracts/tasker.ts'
import { Problem } from '#kit/problem.ts'
import { type Answerer, AT, COMMIT, type World } from './platform.ts'

export const newWork = (id: string, rest: Partial<Work> = {}): Work => ({
  id,
  repo: 'ann/shop',
  kind: 'sync',
  nodes: ['web'],
  state: 'running',
  waits_for: null,
  progress: null,
  commit: COMMIT,
  task: null,
  attempt: 1,
  cause: { kind: 'hand', by: 'ann', detail: '', depth: 0 },
  error: null,
  created_at: AT,
  started_at: AT,
  ended_at: null,
  ...rest,
})

/** tasker: works are what the test put into the world; it moves them on by hand. */
export function answerTasker(bus: Answerer, world: World): void {
  const work = (id: string): Work => {
    const found = [...world.works, ...world.runs].find((one) => one.id === id)
    if (!found) throw new Problem('not_found', { what: `work ${id}` })
    const { steps: _, consent: __, ...rest } = found as Run
    return rest
  }
  bus.answer('tasker.sync', async ({ node }) =>
    world.works.filter((one) => node === undefined || one.nodes.includes(node)),
  )
  bus.answer('tasker.unlink', async ({ node }) => {
    const ended = { state: 'succeeded' as const, ended_at: AT + 5000 }
    const gone = newWork('u1', { kind: 'destroy', nodes: [node], ...ended })
    world.works.push(gone)
    return gone
  })
  bus.answer('tasker.make_plan', async ({ repo, node }) => ({
    id: 'p1',
    repo,
    by: 'ann',
    commit: COMMIT,
    digest: 'd'.repeat(64),
    nodes: world.plans.filter((plan) => node === undefined || plan.node === node),
    created_at: AT,
    expires_at: AT + 1000,
  }))
  bus.answer('tasker.sync_plan', async ({ plan }) => {
    if (plan !== 'p1') throw new Problem('plan_moved', { plan, reason: 'web: it has moved' })
    return world.works
  })
  bus.answer('tasker.start_run', async ({ task }) => {
    const run = world.runs.find((one) => one.task === task)
    if (!run) throw new Problem('not_found', { what: `task ${task}` })
    return run
  })
  bus.answer('tasker.cancel', async ({ work: id }) => ({
    ...work(id),
    state: 'cancelled' as const,
  }))
  bus.answer('tasker.get_work', async ({ work: id }) => work(id))
  bus.answer('tasker.get_run', async ({ run }) => {
    const found = world.runs.find(({ id }) => id === run)
    if (!found) throw new Problem('not_found', { what: `run ${run}` })
    return found
  })
  bus.answer('tasker.list_runs', async ({ task, limit }) =>
    world.runs.filter((run) => task === undefined || run.task === task).slice(0, limit),
  )
  bus.answer('tasker.list_works', async ({ states, limit }) =>
    world.works.filter(({ state }) => !states || states.includes(state)).slice(0, limit),
  )
  bus.answer('tasker.node_statuses', async () => world.statuses)
}
