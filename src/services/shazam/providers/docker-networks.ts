import type Docker from 'dockerode'
import type { RepoId } from '#contracts/ids.ts'
import { createTurns } from '../steps/turns.ts'
import { filterBy, has, type Labels, label, networkName } from './docker-names.ts'
import { statusOf } from './docker-refusal.ts'
import { refusal } from './index.ts'

export interface Networks {
  /** Makes a container in the network of its repository, which is made when it is not there. */
  within<T>(repo: RepoId, make: (network: string) => Promise<T>): Promise<T>
  /** A network that a descriptor names, by its id. Throws `final` for one that is not there or of another repository. */
  named(repo: RepoId, name: string): Promise<string>
  /**
   * Before a container starts: one whose network was removed meanwhile (`docker network prune`), and one of an earlier
   * version on the bridge that all repositories shared, joins the network of its repository.
   */
  settle(repo: RepoId, container: Docker.Container): Promise<void>
  /** The network goes with the last node of its repository. */
  leave(repo: RepoId): Promise<void>
}

/**
 * Each repository has a network of its own: the engine lets nothing pass between two of its bridges. Within this process
 * a network is not removed while a container is made in it; another process finds it gone when it starts, and settles.
 */
export function dockerNetworks(docker: Docker, plane: string): Networks {
  const inTurn = createTurns()
  const labelsOf = (repo: RepoId): Labels => ({
    [label.plane]: plane,
    [label.repo]: repo,
    [label.network]: 'repository',
  })

  /** Engines allow two networks of one name: the first that was made is it. */
  async function find(repo: RepoId): Promise<string | undefined> {
    const found = await docker.listNetworks({ filters: filterBy(labelsOf(repo)) })
    const order = (one: Docker.NetworkInspectInfo) => `${one.Created} ${one.Id}`
    return found.sort((a, b) => (order(a) < order(b) ? -1 : 1))[0]?.Id
  }

  async function open(repo: RepoId): Promise<string> {
    const known = await find(repo)
    if (known !== undefined) return known
    try {
      const options = { Name: networkName(plane, repo), Labels: labelsOf(repo), CheckDuplicate: true }
      await docker.createNetwork(options)
    } catch (error) {
      if (isExhausted(error)) throw refusal('docker', 'quota', noPool(repo), error)
      if (statusOf(error) !== 409) throw error
    }
    const made = await find(repo)
    if (made !== undefined) return made
    throw refusal(
      'docker',
      'final',
      `network ${networkName(plane, repo)} is on the engine without the labels of ${repo}: somebody else made it. Remove it (docker network rm)`,
    )
  }

  const list = (repo: RepoId) =>
    docker.listContainers({
      all: true,
      filters: filterBy({ [label.plane]: plane, [label.repo]: repo }),
    })

  return {
    within: (repo, make) =>
      inTurn(repo, async () => {
        await open(repo)
        // By its name: one that is made again after a loss is then found at the next start.
        return await make(networkName(plane, repo))
      }),
    async named(repo, name) {
      const found = await docker.getNetwork(name).inspect()
      // The engine takes an id, or the first letters of one, for a name.
      if (found.Name !== name)
        throw refusal('docker', 'final', `network ${name} not found: make it with docker network create`)
      const labels = found.Labels as Labels | null
      if (labels?.[label.repo] && !has(labels, { [label.plane]: plane, [label.repo]: repo }))
        throw refusal('docker', 'final', `network ${name} is of another repository`)
      return found.Id as string
    },
    async settle(repo, container) {
      const { State, HostConfig, NetworkSettings } = await container.inspect()
      const { NetworkMode: mode = 'default' } = HostConfig
      const shared = mode === 'default' || mode === 'bridge'
      if (State.Running || (!shared && mode !== networkName(plane, repo))) return
      await inTurn(repo, async () => {
        const network = await open(repo)
        const joined = Object.entries(NetworkSettings.Networks)
        // The engine keeps the id of a network that is gone, although another has its name.
        const wrong = joined.filter(([name, { NetworkID: id }]) =>
          shared ? name === 'bridge' : name === mode && id !== '' && id !== network,
        )
        for (const [name] of wrong)
          await docker.getNetwork(name).disconnect({ Container: container.id, Force: true })
        if (wrong.length > 0) await docker.getNetwork(network).connect({ Container: container.id })
      })
    },
    leave: (repo) =>
      inTurn(repo, async () => {
        if ((await list(repo)).length > 0) return
        // 403: what an administrator put into it uses it still.
        for (const { Id } of await docker.listNetworks({ filters: filterBy(labelsOf(repo)) }))
          await docker.getNetwork(Id).remove().catch(unlessGone)
      }),
  }
}

/** The engine has about 30 when nobody gave it more. */
const isExhausted = (error: unknown): boolean =>
  /available, non-overlapping|all predefined address pools|failed to allocate gateway|no available network/i.test(
    (error as Error).message,
  )

const noPool = (repo: RepoId): string =>
  `the Docker engine has no addresses left for a network of ${repo}; each repository has one. Give the engine more: default-address-pools in /etc/docker/daemon.json, such as [{"base": "10.128.0.0/9", "size": 24}], then restart it; or remove networks that nobody uses (docker network prune)`

function unlessGone(error: unknown): void {
  const status = statusOf(error)
  if (status !== 403 && status !== 404 && status !== 409) throw error
}
