import assert from 'node:assert/strict'
import { stringify } from 'yaml'
import type { Clone, Person } from './person.ts'
import { type Plane, startPlane } from './plane.ts'
import { onServer, type Watch, watch } from './story.ts'

type Tree = Record<string, unknown>

/** One command of a service as a step: `devops SERVICE COMMAND` and its options. */
export interface Step {
  run: string
  options?: Tree
}

/** What a service goes through on a real server, told by what its syncs did. */
export interface ServiceStory extends AsyncDisposable {
  person: Person
  clone: Clone
  see: Watch
  /** Pushes a node and waits for it; answers what the sync did, a line for each thing. */
  wish(node: string, services: string[], configuration?: Tree, more?: Tree): Promise<string[]>
  /** Syncs a node by hand; answers what there was to do. */
  again(node: string): Promise<string[]>
  /** Runs steps on a node as a task; answers what they printed. Throws when the run fails. */
  run(node: string, ...steps: Step[]): Promise<string>
  /** As `run`, of steps that must fail. */
  fails(node: string, ...steps: Step[]): Promise<string>
  /** A line of shell on the server, as root, past the platform. */
  sh(node: string, line: string): Promise<string>
}

export async function startServiceStory(repository: string): Promise<ServiceStory> {
  await using stack = new AsyncDisposableStack()
  const plane: Plane = stack.use(await startPlane())
  const person = await plane.person('ann')
  const clone = await person.repository(repository)
  const see = watch(person, clone.repo, plane)
  const undo = stack.move()
  let tasks = 0

  const devops = (...args: string[]) => person.devops(...args, '--repo', clone.repo)
  const push = async (files: Record<string, string>) => {
    clone.write(files)
    const pushed = await clone.push(Object.keys(files).join(' '))
    assert.equal(pushed.code, 0, pushed.text)
    return (await clone.git('rev-parse', 'HEAD')).text.trim()
  }

  /** What the newest sync of a node said that it does, beyond that it was queued and succeeded. */
  async function did(node: string): Promise<string[]> {
    await see.idle()
    const work = (await see.works()).find(({ kind, nodes }) => kind === 'sync' && nodes.includes(node))
    assert.equal(work?.state, 'succeeded', JSON.stringify(work))
    const lines = (await see.logs(`work=${work?.id}`)) as { text: string; stream?: string }[]
    const said = lines.filter(({ stream }) => stream === 'platform').map(({ text }) => text)
    return said.filter((text) => !/^sync of \w+ (queued|succeeded)/.test(text))
  }

  async function run(node: string, steps: Step[]) {
    const id = `task-${++tasks}`
    const file = `tasks/${id}.yml`
    await push({ [file]: stringify({ id, type: 'task', targets: [node], steps }) })
    await see.idle()
    const ended = await devops('run', id)
    // Gone with the next push: the node may lose the service that it is about.
    clone.write({ [file]: null })
    return ended
  }

  return {
    person,
    clone,
    see,
    async wish(id, services, configuration = {}, more = {}) {
      const provider = { name: 'docker' }
      const node = { id, type: 'server', provider, services, configuration, ...more }
      await see.synced(id, await push({ [`nodes/${id}.yml`]: stringify(node) }))
      return await did(id)
    },
    async again(node) {
      const answer = await devops('sync', node)
      assert.equal(answer.code, 0, answer.text)
      return await did(node)
    },
    async run(node, ...steps) {
      const { code, text } = await run(node, steps)
      assert.equal(code, 0, text)
      return text
    },
    async fails(node, ...steps) {
      const { code, text } = await run(node, steps)
      assert.notEqual(code, 0, text)
      return text
    },
    async sh(node, line) {
      const { server } = await see.node(node)
      return await onServer(server?.id ?? '', line)
    },
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  }
}
