import { setTimeout as wait } from 'node:timers/promises'
import { createClient, type Schemas } from '#client'
import type { DemoUser } from './push.ts'
import { note } from './screen.ts'

const client = (user: DemoUser) => createClient({ baseUrl: user.server, token: user.token })
const path = (user: DemoUser) => {
  const [owner = '', repo = ''] = user.repo.split('/')
  return { owner, repo }
}

/** Shows the lines of a node's latest sync until it has ended. */
export async function followNode(user: DemoUser, node: string): Promise<void> {
  const work = await latest(user, node)
  await followWork(user, work.id, async () => {
    const { data } = await client(user).GET('/v1/repos/{owner}/{repo}/works/{work}', {
      params: { path: { ...path(user), work: work.id } },
    })
    return data
  })
}

/** Shows a run until it has ended: the one that an event started, or a new one by hand. */
export async function followRun(user: DemoUser, task: string, byEvent: boolean): Promise<void> {
  const run = byEvent ? await startedRun(user, task) : await startRun(user, task)
  await followWork(user, run.id, async () => {
    const { data } = await client(user).GET('/v1/repos/{owner}/{repo}/runs/{run}', {
      params: { path: { ...path(user), run: run.id } },
    })
    return data
  })
}

export async function pageOf(user: DemoUser, node: string): Promise<string> {
  const { data } = await client(user).GET('/v1/repos/{owner}/{repo}/nodes/{node}', {
    params: { path: { ...path(user), node } },
  })
  const address = `http://${data?.server?.host}/`
  note(`GET ${address}`)
  return (await (await fetch(address)).text()).trimEnd()
}

async function latest(user: DemoUser, node: string): Promise<Schemas['Work']> {
  return patiently(`a sync of ${node}`, async () => {
    const { data = [] } = await client(user).GET('/v1/repos/{owner}/{repo}/works', {
      params: { path: path(user), query: { node } },
    })
    return data.find(({ kind }) => kind === 'sync')
  })
}

async function startedRun(user: DemoUser, task: string): Promise<Schemas['Run']> {
  return patiently(`a run of ${task}`, async () => {
    const { data = [] } = await client(user).GET('/v1/repos/{owner}/{repo}/runs', {
      params: { path: path(user), query: { task } },
    })
    return data[0]
  })
}

async function startRun(user: DemoUser, task: string): Promise<Schemas['Run']> {
  const { data } = await client(user).POST('/v1/repos/{owner}/{repo}/tasks/{task}/runs', {
    params: { path: { ...path(user), task } },
    body: {},
  })
  if (!data) throw new Error(`no run of ${task} was started`)
  return data
}

async function followWork(
  user: DemoUser,
  work: string,
  look: () => Promise<Pick<Schemas['Work'], 'state' | 'error'> | undefined>,
): Promise<void> {
  const over = new AbortController()
  const shown = showLines(user, work, over.signal)
  const end = await patiently('the end of the work', async () => {
    const found = await look()
    return found && !['waiting', 'running'].includes(found.state) ? found : undefined
  })
  await wait(300)
  over.abort()
  await shown
  if (end.state !== 'succeeded') throw new Error(`it ${end.state}: ${end.error ?? 'no reason given'}`)
}

async function showLines(user: DemoUser, work: string, signal: AbortSignal): Promise<void> {
  for await (const line of client(user).followLogs(user.repo, { work, after: 0 }, { signal }))
    console.log(`   ${line.text}`)
}

/** Asks again until there is an answer; ten minutes at most. */
async function patiently<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + 600_000; Date.now() < end; ) {
    const found = await look()
    if (found) return found
    await wait(200)
  }
  throw new Error(`${what}: not within ten minutes`)
}
