import { createClient } from '#client'
import type { Run } from '#contracts/tasker.ts'
import type { Person } from '#testing/person.ts'
import { startPlane } from '#testing/plane.ts'
import { server, watch } from '#testing/story.ts'

const NODES = 10
const ALONE = 60
const RATE = 50
const SECONDS = 6
const RUNS = 30

const ids = Array.from({ length: NODES }, (_, i) => `n${i + 1}`)
const hook = (node: string) => `id: hook-${node}
name: hook-${node}
type: task
triggers: { webhooks: [{ path: ${node} }] }
targets: [${node}]
steps:
  - echo here
`
const all = `id: all\nname: all\ntype: task\ntargets: [${ids.join(', ')}]\nsteps:\n  - 'true'\n`

/** From a webhook to the first line that its step prints on a server, as a reader of the live log sees it; runs a second. */
export async function tasks(): Promise<void> {
  await using plane = await startPlane()
  const ann = await plane.person('ann')
  const clone = await ann.repository('bench')
  const see = watch(ann, clone.repo, plane)
  clone.write({
    'tasks/all.yml': all,
    ...Object.fromEntries(ids.map((id) => [`nodes/${id}.yml`, server(id)])),
    ...Object.fromEntries(ids.map((id) => [`tasks/hook-${id}.yml`, hook(id)])),
  })
  const pushed = await clone.push()
  if (pushed.code !== 0) throw new Error(pushed.text)
  for (const id of ids) await see.synced(id)
  await using lines = tail(plane.url, ann.token, clone.repo)
  const call = (node: string) => callHook(plane.url, clone.repo, node, lines)
  // The first run on each node opens its connection.
  for (const id of ids) await call(id)
  const alone: number[] = []
  for (let i = 0; i < ALONE; i++) {
    await see.idle()
    alone.push(await call(ids[i % NODES] ?? ''))
  }
  tell('webhook to first line, alone', alone)
  tell(`webhook to first line, ${RATE} a second`, await paced(call))
  await see.idle()
  await measureRuns(ann, clone.repo)
}

/** Runs whose first line was seen, by id: who asks for one waits for it. */
function tail(url: string, token: string, repo: string) {
  const seen = new Map<string, number>()
  const waiting = new Map<string, (at: number) => void>()
  const stop = new AbortController()
  const done = (async () => {
    for await (const line of createClient({ baseUrl: url, token }).followLogs(
      repo,
      { stream: 'stdout' },
      { signal: stop.signal },
    )) {
      if (line.work === undefined || seen.has(line.work)) continue
      const now = performance.now()
      seen.set(line.work, now)
      waiting.get(line.work)?.(now)
    }
  })()
  return {
    first: (run: string): Promise<number> => {
      const known = seen.get(run)
      return known === undefined
        ? new Promise((resolve) => waiting.set(run, resolve))
        : Promise.resolve(known)
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await done
    },
  }
}

/** Milliseconds from the request to the line. */
async function callHook(
  url: string,
  repo: string,
  path: string,
  lines: ReturnType<typeof tail>,
): Promise<number> {
  const started = performance.now()
  const answer = await fetch(`${url}/hooks/${repo}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"ref":"main"}',
  })
  if (answer.status !== 202) throw new Error(`the webhook answered ${answer.status}: ${await answer.text()}`)
  const { run } = (await answer.json()) as { run: string }
  return (await lines.first(run)) - started
}

async function paced(call: (node: string) => Promise<number>): Promise<number[]> {
  const started = performance.now()
  const calls: Promise<number>[] = []
  for (let i = 0; i < RATE * SECONDS; i++) {
    const due = started + (i * 1000) / RATE
    await new Promise((done) => setTimeout(done, Math.max(0, due - performance.now())))
    calls.push(call(ids[i % NODES] ?? ''))
  }
  return Promise.all(calls)
}

async function measureRuns(ann: Person, repo: string): Promise<void> {
  const started = performance.now()
  const runs = await Promise.all(
    Array.from({ length: RUNS }, () => ann.api<Run>('POST', `/v1/repos/${repo}/tasks/all/runs`, {})),
  )
  for (const { id } of runs)
    while ((await ann.api<Run>('GET', `/v1/repos/${repo}/runs/${id}`)).ended_at === null)
      await new Promise((done) => setTimeout(done, 5))
  const seconds = (performance.now() - started) / 1000
  const steps = (RUNS * NODES) / seconds
  console.log(
    `${RUNS} runs of a trivial step over ${NODES} nodes, one after another: ${(RUNS / seconds).toFixed(1)} runs a second, ${steps.toFixed(0)} steps a second`,
  )
}

function tell(what: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number) =>
    `${(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(0)} ms`
  console.log(`${what} (${times.length}): p50 ${at(0.5)}, p99 ${at(0.99)}, least ${at(0)}`)
}
