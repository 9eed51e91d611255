import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Run, Work } from '#contracts/tasker.ts'
import { Secret } from '#kit/secret.ts'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { watch } from '#testing/story.ts'
import { service } from './resources.ts'

const run = promisify(execFile)
const image = 'devops-node:12-bench'

/** A platform and the servers that all rivals work on. */
export interface Scene extends AsyncDisposable {
  plane: Plane
  ann: Person
  key: Secret
  hosts: string[]
  /** Pushes so many nodes, of which the first `served` have the service, and waits until they are as described. */
  nodes(count: number, served: number, text?: string): Promise<void>
  sync(nodes: number): Promise<void>
  /** One task with all nodes as targets. */
  command(): Promise<void>
}

export async function setScene(): Promise<Scene> {
  await makeImage()
  await using stack = new AsyncDisposableStack()
  const plane = stack.use(await startPlane())
  const ann = await plane.person('ann')
  const clone = await ann.repository('bench')
  const see = watch(ann, clone.repo, plane)
  const path = `/v1/repos/${clone.repo}`
  const over = new AbortController()
  stack.defer(() => over.abort())
  const news = await follow(`${plane.url}${path}/events`, ann.token, over.signal)
  const scene = {
    plane,
    ann,
    key: new Secret(readFileSync(ann.keyFile, 'utf8')),
    hosts: [] as string[],
    async nodes(count: number, served: number, text?: string) {
      clone.write({
        'services/bench/service.yml': service,
        ...descriptors(count, served, text),
        'tasks/hello.yml': task(count),
      })
      await pushed(clone, `${count} nodes, ${served} of them served`)
      await ended(news, async () => ann.api<Work[]>('GET', `${path}/works?limit=1000`))
      const nodes = await see.nodes()
      const bad = nodes.find(({ status }) => status?.status !== 'synced')
      if (bad) throw new Error(`${bad.node}: ${JSON.stringify(bad.status)}`)
      const host = new Map(nodes.map(({ node, server }) => [node, server?.host ?? '']))
      scene.hosts = Array.from({ length: count }, (_, at) => host.get(name(at + 1)) ?? '')
    },
    /** From the request to the end of the last sync, as a user waits for it. */
    async sync(nodes: number) {
      const all = scene.hosts.length === nodes
      const works = all
        ? await ann.api<Work[]>('POST', `${path}/sync`)
        : (
            await Promise.all(
              Array.from({ length: nodes }, (_, at) =>
                ann.api<Work[]>('POST', `${path}/nodes/${name(at + 1)}/sync`),
              ),
            )
          ).flat()
      const ids = new Set(works.map(({ id }) => id))
      await ended(news, async () =>
        (await ann.api<Work[]>('GET', `${path}/works?limit=${ids.size}`)).filter(({ id }) => ids.has(id)),
      )
    },
    async command() {
      const { id } = await ann.api<Run>('POST', `${path}/tasks/hello/runs`, {})
      await ended(news, async () => [await ann.api<Work>('GET', `${path}/works/${id}`)])
    },
  }
  const undo = stack.move()
  return {
    ...scene,
    get hosts() {
      return scene.hosts
    },
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  }
}

const name = (n: number) => `n${n}`

function descriptors(count: number, served: number, text?: string): Record<string, string> {
  const configuration = text ? `configuration:\n  bench: {text: ${text}}\n` : ''
  return Object.fromEntries(
    Array.from({ length: count }, (_, at) => [
      `nodes/${name(at + 1)}.yml`,
      `id: ${name(at + 1)}\nname: bench\ntype: server\nprovider: {name: docker, image: ${image}}\n${
        at < served ? `services:\n  bench: '*'\n${configuration}` : ''
      }`,
    ]),
  )
}

const task = (count: number) =>
  `id: hello\nname: One command\ntype: task\ntargets: [${Array.from({ length: count }, (_, at) => name(at + 1)).join(', ')}]\nsteps:\n  - run: hostname\n`

async function pushed(clone: Clone, message: string): Promise<void> {
  const { code, text } = await clone.push(message)
  if (code !== 0) throw new Error(text)
}

/** Waits as a face does that watches: woken by events, for asking again and again would be a load of its own. */
async function ended(news: News, look: () => Promise<Work[]>): Promise<void> {
  for (;;) {
    const seen = news.count
    const works = await look()
    const failed = works.find(({ state }) => state === 'failed' || state === 'cancelled')
    if (failed) throw new Error(`${failed.kind} of ${failed.nodes[0]}: ${failed.error}`)
    const open = works.filter(({ state }) => state === 'waiting' || state === 'running')
    if (open.length === 0) return
    await news.ends(open.length, seen)
  }
}

interface News {
  /** How many works have ended since the stream began. */
  readonly count: number
  /** Resolves when so many more have ended since `count` was `since`, or after a second. */
  ends(more: number, since: number): Promise<void>
}

async function follow(url: string, token: string, signal: AbortSignal): Promise<News> {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` }, signal })
  const wakes = new Set<() => void>()
  const news = {
    count: 0,
    ends: (more: number, since: number) =>
      new Promise<void>((done) => {
        const timer = setTimeout(finish, 1000)
        function finish() {
          clearTimeout(timer)
          wakes.delete(look)
          done()
        }
        function look() {
          if (news.count >= since + more) finish()
        }
        wakes.add(look)
        look()
      }),
  }
  const read = async () => {
    for await (const chunk of answer.body ?? []) {
      news.count +=
        Buffer.from(chunk)
          .toString()
          .match(/"state":"(succeeded|failed|superseded|cancelled)"/g)?.length ?? 0
      for (const wake of wakes) wake()
    }
  }
  read().catch(() => {})
  return news
}

/** With what is not to be measured: Python, which Ansible needs on the nodes and we do not, and packages of the base layer. */
async function makeImage(): Promise<void> {
  const there = await run('docker', ['image', 'inspect', image]).catch(() => undefined)
  if (there) return
  console.error(`Setting up: image ${image} …`)
  const text = `FROM devops-node:12\nRUN apt-get update -q && apt-get install -qy --no-install-recommends python3 python3-apt sudo ca-certificates curl git && apt-get clean && rm -rf /var/lib/apt/lists/*\n`
  const built = run('docker', ['build', '-q', '-t', image, '-'])
  built.child.stdin?.end(text)
  await built
}
