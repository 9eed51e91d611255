import Docker from 'dockerode'
import { isProblem } from '#kit/problem.ts'
import { fingerprintOfLine } from '#kit/ssh-algorithms.ts'
import { type EngineRules, judgeEngineUse } from '#language'
import { welcome } from '../welcome.ts'
import { awaken, containerOptions, execIn, limitsOf } from './docker-container.ts'
import { openEngine } from './docker-engine.ts'
import { engineFacts, faultOfEngine, sayBoundary } from './docker-facts.ts'
import { containerName, filterBy, label, type Who } from './docker-names.ts'
import { dockerNetworks } from './docker-networks.ts'
import { limits, network, ports, restart, sizes, volumes, withoutSizing } from './docker-options.ts'
import { sorted, statusOf } from './docker-refusal.ts'
import { dockerVolumes } from './docker-volumes.ts'
import { canonical, type Made, type Provider, refusal, type Wish } from './index.ts'

export const nodeImage = 'devops-node:12'

export interface DockerOptions {
  /** Tells the containers of this platform from those of another on the same engine. */
  plane: string
  docker?: Docker
  /** What nodes may ask for; anything when absent. */
  rules?: EngineRules | undefined
}

/** Servers that are containers with an init: for trying out, for tests, for small machines. */
export function dockerProvider({ plane, docker = new Docker(), rules }: DockerOptions): Provider {
  const stored = dockerVolumes(docker, plane)
  const networks = dockerNetworks(docker, plane)
  const labels = ({ repo, node }: Who) => ({
    [label.plane]: plane,
    [label.repo]: repo,
    [label.node]: node,
  })
  const look = async (who: Who) => {
    const [found] = await docker.listContainers({ all: true, filters: filterBy(labels(who)) })
    return found
  }
  const remove = async (id: string) => {
    await docker.getContainer(id).remove({ force: true, v: true }).catch(unlessGone)
  }
  async function byToken(who: Who & { token: string }): Promise<Docker.Container | undefined> {
    const found = await look(who)
    return found?.Labels[label.token] === who.token ? docker.getContainer(found.Id) : undefined
  }

  async function existing(who: Who & { token: string }): Promise<Docker.Container> {
    const container = await byToken(who)
    if (!container) throw refusal('docker', 'final', `there is no container of ${who.repo} ${who.node}`)
    return container
  }

  async function make(wish: Wish): Promise<Docker.Container> {
    const named = network(wish.descriptor)
    if (named !== undefined) return await makeIn(await networks.named(wish.repo, named), wish)
    return await networks.within(wish.repo, (own) => makeIn(own, wish))
  }

  /** Another name than before is another container: the engine refuses a second of the same name, so racing is safe. */
  async function makeIn(network: string, wish: Wish): Promise<Docker.Container> {
    const { repo, node, descriptor, token } = wish
    const facts = await engineFacts(docker)
    const unfit = faultOfEngine(facts)
    if (unfit !== undefined) throw refusal('docker', 'final', unfit)
    const binds: string[] = []
    for (const { name, path } of volumes(descriptor)) binds.push(`${await stored.open(repo, name)}:${path}`)
    const options = containerOptions(
      {
        name: containerName(plane, wish),
        hostname: node,
        image: String(descriptor.image ?? nodeImage),
        labels: { ...labels({ repo, node }), [label.token]: token },
        binds,
        ports: ports(descriptor),
        network,
        ...limits(descriptor),
        ...restart(descriptor),
      },
      facts,
    )
    return await docker.createContainer(options)
  }

  async function obtain(wish: Wish): Promise<Docker.Container> {
    const found = await look(wish)
    if (found?.Labels[label.token] === wish.token) return docker.getContainer(found.Id)
    // Left by a creation that was given up before its record was made.
    if (found) {
      await stored.claim(wish.repo, found.Mounts)
      await remove(found.Id)
    }
    try {
      return await make(wish)
    } catch (error) {
      const twin = statusOf(error) === 409 ? await look(wish) : undefined
      if (twin) return docker.getContainer(twin.Id)
      throw error
    }
  }

  async function start(repo: string, container: Docker.Container): Promise<void> {
    await networks.settle(repo, container)
    await container.start().catch(unlessDone)
  }

  async function made(container: Docker.Container): Promise<Made> {
    const keys = await execIn(docker, container, awaken)
    const { Id, NetworkSettings } = await container.inspect()
    const networks = Object.values(NetworkSettings.Networks)
    const host = networks.map((network) => network.IPAddress).find(Boolean)
    if (!host) throw refusal('docker', 'retry', `container ${Id.slice(0, 12)} has no address yet`)
    const hostKeys = keys.split('\n').flatMap((line) => fingerprintOfLine(line) ?? [])
    return { id: Id, host, port: 22, user: 'devops', hostKeys }
  }

  return {
    name: 'docker',
    async create(wish) {
      return await sorted(async () => {
        const [fault] = rules ? judgeEngineUse(wish.descriptor, wish.repo, rules) : []
        if (fault) throw refusal('docker', 'final', fault.message)
        const container = await obtain(wish)
        await start(wish.repo, container)
        const server = await made(container)
        await execIn(docker, container, welcome(wish.publicKey))
        return server
      })
    },
    async find(wish) {
      return await sorted(async () => {
        const container = await byToken(wish)
        if (!container) return undefined
        await start(wish.repo, container)
        return await made(container)
      })
    },
    async destroy(server, data) {
      await sorted(async () => {
        const found = await look(server)
        if (found) {
          const claimed = stored.claim(server.repo, found.Mounts)
          // What two repositories mount stays where the data of one go; it stands in no new server's way.
          await (data === 'remove' ? claimed.catch(unlessFinal) : claimed)
          await remove(found.Id)
          if (data === 'remove') await stored.remove(server.repo, found.Mounts)
        }
        await networks.leave(server.repo)
      })
    },
    check(descriptor) {
      limits(descriptor)
      network(descriptor)
      restart(descriptor)
      ports(descriptor)
      volumes(descriptor)
    },
    canResize: (from, to) => canonical(withoutSizing(from)) === canonical(withoutSizing(to)),
    async resize(wish) {
      return await sorted(async () => {
        const container = await existing(wish)
        const { memory, cpus } = limits(wish.descriptor)
        // The engine cannot take a limit back: as much as there is comes to the same.
        const { MemTotal, NCPU } = (await docker.info()) as { MemTotal: number; NCPU: number }
        await container.update(limitsOf({ memory: memory ?? MemTotal, cpus: cpus ?? NCPU }))
        await start(wish.repo, container)
        return await made(container)
      })
    },
    async power(server, act) {
      await sorted(async () => {
        const container = await existing(server)
        if (act === 'reboot') {
          await networks.settle(server.repo, container)
          await container.restart()
        }
        if (act === 'stop') await container.stop().catch(unlessDone)
        if (act === 'start') await start(server.repo, container)
        if (act !== 'stop') await execIn(docker, container, awaken)
      })
    },
    credential: {
      check: (fields) =>
        sorted(async () => {
          const { ServerVersion } = (await openEngine(fields).info()) as { ServerVersion: string }
          return `Docker ${ServerVersion}`
        }),
      open: (fields) => dockerProvider({ plane, docker: openEngine(fields) }),
    },
    async sizes() {
      return Object.entries(sizes).map(([id, { memory, cpus }]) => ({
        id,
        description: `${memory} MiB memory, ${cpus} ${cpus === 1 ? 'processor' : 'processors'}`,
      }))
    },
    async locations() {
      const facts = await sorted(() => engineFacts(docker))
      return [{ id: 'local', description: `the machine of this Docker engine; ${sayBoundary(facts)}` }]
    },
    async images() {
      const images = await sorted(() => docker.listImages())
      return images.flatMap(({ RepoTags, Size, Created }) => {
        const made = new Date(Created * 1000).toISOString().slice(0, 10)
        const description = `${Math.ceil(Size / 1e6)} MB, made ${made}`
        return (RepoTags ?? []).filter((id) => !id.includes('<none>')).map((id) => ({ id, description }))
      })
    },
  }
}

function unlessFinal(error: unknown): void {
  if (!isProblem(error, 'provider') || error.data.kind !== 'final') throw error
}

/** 304: it is so already. */
function unlessDone(error: unknown): void {
  if (statusOf(error) !== 304) throw error
}

/** 404: no such container. 409: its removal is under way. */
function unlessGone(error: unknown): void {
  const status = statusOf(error)
  if (status !== 404 && status !== 409) throw error
}
