import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bus } from '#bus'
import { embeddedBus } from '#bus/embedded.ts'
import type { Infrastructure } from '#contracts/descriptors.ts'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { startService } from '#kit/service.ts'
import { tasker } from '#services/tasker/index.ts'
import { openSqlite } from '#store/sqlite.ts'

const repo = 'ann/shop'
const QUEUED = 10_000
const ROUNDS = 50

/** From asking for a run until shazam has its step, with nothing and with 10,000 runs queued on another node. */
export async function queue(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'devops-bench-queue-'))
  try {
    await using stack = new AsyncDisposableStack()
    const store = stack.use(openSqlite(join(folder, 'store.sqlite')))
    const parts = { store, clock: systemClock, log: silentLog }
    const bus = stack.use(await embeddedBus({ ...parts, source: 'bench' }))
    const handed = new Handed()
    answer(bus, handed)
    stack.use(await startService(tasker, { ...parts, bus }, {}))
    await start(bus, 'busy')
    // The first rounds warm the program up.
    await measure(bus, handed)
    const alone = await measure(bus, handed)
    console.log(`nothing queued: ${told(alone)}`)
    const began = performance.now()
    for (let i = 0; i < QUEUED; i++) await start(bus, 'busy')
    const seconds = (performance.now() - began) / 1000
    console.log(
      `${QUEUED.toLocaleString('en')} runs queued on one node: ${Math.round(QUEUED / seconds)} a second`,
    )
    const behind = await measure(bus, handed)
    console.log(`behind them, on another node: ${told(behind)}`)
    console.log(`ratio of the medians: ${(behind.median / alone.median).toFixed(2)}`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const start = (bus: Bus, task: string) => bus.ask('tasker.start_run', { repo, task, by: 'ann' })

/** The neighbours, as far as a run needs them; the step on node free ends at once, the one on node busy never. */
function answer(bus: Bus, handed: Handed): void {
  bus.answer('git.infrastructure', async () => tip)
  bus.answer('registry.resolve', async ({ nodes = [] }) => ({
    vars: {},
    $views: Object.fromEntries(nodes.map((node) => [node, {}])),
  }))
  bus.answer('profiles.authorize', async () => ({}))
  bus.answer('logger.append', async () => ({ last: 0 }))
  bus.work('shazam.steps', async ({ repo, run, step, node, attempt }) => {
    if (node === 'busy') return
    handed.at(run).resolve()
    const about = { repo, run, step, node, attempt, stdout: '', outputs: {} }
    const data = { ...about, outcome: 'success' as const, exit: 0, error: null }
    await bus.publish('step.finished', { subject: `${run}/${node}`, data })
  })
}

/** Runs whose step came to shazam. */
class Handed {
  readonly #runs = new Map<string, PromiseWithResolvers<void>>()

  at(run: string): PromiseWithResolvers<void> {
    const known = this.#runs.get(run) ?? Promise.withResolvers<void>()
    this.#runs.set(run, known)
    return known
  }
}

interface Times {
  median: number
  slowest: number
}

const told = ({ median, slowest }: Times): string =>
  `a run is handed out after ${median.toFixed(1)} ms (median), ${slowest.toFixed(1)} ms (slowest of ${ROUNDS})`

async function measure(bus: Bus, handed: Handed): Promise<Times> {
  const times: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    const began = performance.now()
    const { id } = await start(bus, 'free')
    await handed.at(id).promise
    times.push(performance.now() - began)
    await ended(bus, id)
  }
  const sorted = times.sort((a, b) => a - b)
  return { median: sorted[Math.floor(ROUNDS / 2)] ?? 0, slowest: sorted.at(-1) ?? 0 }
}

async function ended(bus: Bus, run: string): Promise<void> {
  while ((await bus.ask('tasker.get_run', { repo, run })).ended_at === null)
    await new Promise((done) => setTimeout(done, 2))
}

const nodes = ['busy', 'free']

const tip: Infrastructure = {
  repo,
  commit: '0'.repeat(40),
  nodes: nodes.map((id) => ({
    ...{ id, type: 'server', provider: { name: 'docker' } },
    ...{ services: {}, configuration: {}, vars: {} },
  })),
  tasks: nodes.map((id) => ({
    ...{ id, type: 'task', vars: {}, triggers: { webhooks: [], crons: [], events: [] } },
    ...{ targets: [id], steps: [{ run: 'true' }] },
  })),
  scripts: {},
  services: [],
}
