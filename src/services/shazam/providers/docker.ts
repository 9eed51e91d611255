import { createHash } from 'node:crypto'
import Docker from 'dockerode'
import type { RepoId } from '#contracts/ids.ts'
import { fingerprintOfLine } from '#kit/ssh-algorithms.ts'
import { welcome } from '../welcome.ts'
import { awaken, cgroupVersion, containerOptions, execIn, limitsOf } from './docker-container.ts'
import { openEngine } from './docker-engine.ts'
import { limits, network, ports, restart, sizes, volumes, withoutSizing } from './docker-options.ts'
import { sorted } from './docker-refusal.ts'
import { canonical, type Made, type Provider, refusal, type Wish } from './index.ts'

export const nodeImage = 'devops-node:12'

export interface DockerOptions {
  /** Tells the containers of this platform from those of another on the same engine. */
  plane: string
  docker?: Docker
}

type Who = { repo: RepoId; node: string }

/** Servers that are containers with an init: for trying out, for tests, for small machines. */
export function dockerProvider({ plane, docker = new Docker() }: DockerOptions): Provider {
  const labels = ({ repo, node }: Who) => ({
    'ps.devo.plane': plane,
    'ps.devo.repo': repo,
    'ps.devo.node': node,
  })
  const look = async (who: Who) => {
    const label = Object.entries(labels(who)).map(([key, value]) => `${key}=${value}`)
    const [found] = await docker.listContainers({ all: true, filters: { label } })
    return found
  }
  const remove = async (id: string) => {
    await docker.getContainer(id).remove({ force: true, v: true }).catch(unlessGone)
  }
  const volumePrefix = (repo: RepoId) => `devops-${short(plane)}-${repo.replace('/', '-')}`

  /** Volumes of a container that are ours, by name. Another node may use them too: then the engine keeps them. */
  async function removeVolumes(repo: RepoId, mounts: readonly { Type?: string; Name?: string }[]) {
    for (const { Type, Name = '' } of mounts)
      if (Type === 'volume' && Name.startsWith(`${volumePrefix(repo)}-`))
        await docker.getVolume(Name).remove().catch(unlessGone)
  }

  async function byToken(who: Who & { token: string }): Promise<Docker.Container | undefined> {
    const found = await look(who)
    return found?.Labels['ps.devo.token'] === who.token ? docker.getContainer(found.Id) : undefined
  }

  async function existing(who: Who & { token: string }): Promise<Docker.Container> {
    const container = await byToken(who)
    if (!container) throw refusal('docker', 'final', `there is no container of ${who.repo} ${who.node}`)
    return container
  }

  /** Another name than before is another container: the engine refuses a second of the same name, so racing is safe. */
  async function make(wish: Wish): Promise<Docker.Container> {
    const { repo, node, descriptor, token } = wish
    const options = containerOptions(
      {
        name: containerName(plane, wish),
        hostname: node,
        image: String(descriptor.image ?? nodeImage),
        labels: { ...labels({ repo, node }), 'ps.devo.token': token },
        binds: volumes(descriptor, volumePrefix(repo)),
        ports: ports(descriptor),
        ...limits(descriptor),
        ...network(descriptor),
        ...restart(descriptor),
      },
      await cgroupVersion(docker),
    )
    return await docker.createContainer(options)
  }

  async function obtain(wish: Wish): Promise<Docker.Container> {
    const found = await look(wish)
    if (found?.Labels['ps.devo.token'] === wish.token) return docker.getContainer(found.Id)
    // Left by a creation that was given up before its record was made.
    if (found) await remove(found.Id)
    try {
      return await make(wish)
    } catch (error) {
      const twin = statusOf(error) === 409 ? await look(wish) : undefined
      if (twin) return docker.getContainer(twin.Id)
      throw error
    }
  }

  async function start(container: Docker.Container): Promise<void> {
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
        const container = await obtain(wish)
        await start(container)
        const server = await made(container)
        await execIn(docker, container, welcome(wish.publicKey))
        return server
      })
    },
    async find(wish) {
      return await sorted(async () => {
        const container = await byToken(wish)
        if (!container) return undefined
        await start(container)
        return await made(container)
      })
    },
    async destroy(server, data) {
      await sorted(async () => {
        const found = await look(server)
        if (!found) return
        await remove(found.Id)
        if (data === 'remove') await removeVolumes(server.repo, found.Mounts)
      })
    },
    check(descriptor) {
      limits(descriptor)
      network(descriptor)
      restart(descriptor)
      ports(descriptor)
      volumes(descriptor, '')
    },
    canResize: (from, to) => canonical(withoutSizing(from)) === canonical(withoutSizing(to)),
    async resize(wish) {
      return await sorted(async () => {
        const container = await existing(wish)
        const { memory, cpus } = limits(wish.descriptor)
        // The engine cannot take a limit back: as much as there is comes to the same.
        const { MemTotal, NCPU } = (await docker.info()) as { MemTotal: number; NCPU: number }
        await container.update(limitsOf({ memory: memory ?? MemTotal, cpus: cpus ?? NCPU }))
        await start(container)
        return await made(container)
      })
    },
    async power(server, act) {
      await sorted(async () => {
        const container = await existing(server)
        if (act === 'reboot') await container.restart()
        if (act === 'stop') await container.stop().catch(unlessDone)
        if (act === 'start') await start(container)
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
    locations: async () => [{ id: 'local', description: 'the machine of this Docker engine' }],
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

/** Readable, and unique for a plane, repository and node although owners and repositories have dashes too. */
export const containerName = (plane: string, { repo, node }: Who): string =>
  `devops-${repo.replace('/', '-')}-${node}-${short(`${plane} ${repo} ${node}`)}`

const short = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 8)

const statusOf = (error: unknown): number | undefined => (error as { statusCode?: number }).statusCode

/** 304: it is so already. */
function unlessDone(error: unknown): void {
  if (statusOf(error) !== 304) throw error
}

/** 404: no such container. 409: its removal is under way. */
function unlessGone(error: unknown): void {
  const status = statusOf(error)
  if (status !== 404 && status !== 409) throw error
}
