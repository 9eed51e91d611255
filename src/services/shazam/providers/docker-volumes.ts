import type Docker from 'dockerode'
import type { RepoId } from '#contracts/ids.ts'
import { filterBy, formerPrefix, has, type Labels, label, volumeName } from './docker-names.ts'
import { statusOf } from './docker-refusal.ts'
import { refusal } from './index.ts'

export interface Volumes {
  /** The engine's name of a repository's volume, made when it is not there. Throws `final` for one that is not its own. */
  open(repo: RepoId, name: string): Promise<string>
  /**
   * Before a container goes: what it mounts under a name of an earlier version is kept for its repository, as long as the
   * engine can still tell whose it is. Throws `final` for what two repositories mount.
   */
  claim(repo: RepoId, mounts: readonly Mount[]): Promise<void>
  /** Those of the repository. The engine keeps what another node of it uses. */
  remove(repo: RepoId, mounts: readonly Mount[]): Promise<void>
}

export interface Mount {
  Type?: string
  Name?: string
}

/**
 * Volumes are named by repository and told apart by labels. An earlier version joined owner, repository and name by
 * dashes and set no labels, so that two repositories could have one volume. The engine can neither rename a volume nor
 * label one that exists: a labelled volume without data of its own (label `former`) says whose a former volume is.
 */
export function dockerVolumes(docker: Docker, plane: string): Volumes {
  const labelsOf = (repo: RepoId, name: string): Labels => ({
    [label.plane]: plane,
    [label.repo]: repo,
    [label.volume]: name,
  })

  async function inspect(name: string): Promise<{ Labels: Labels | null } | undefined> {
    try {
      return await docker.getVolume(name).inspect()
    } catch (error) {
      if (statusOf(error) === 404) return undefined
      throw error
    }
  }

  async function open(repo: RepoId, name: string): Promise<string> {
    const own = volumeName(plane, repo, name)
    const known = await inspect(own)
    const former = `${formerPrefix(plane, repo)}${name}`
    const adopts = !known && (await isFormerOf(repo, former))
    const labels = { ...labelsOf(repo, name), ...(adopts && { [label.former]: former }) }
    // What another made at the same moment is given back as it is: so its labels are looked at in any case.
    if (!known) await docker.createVolume({ Name: own, Labels: labels })
    const { Labels: found } = known ?? (await inspect(own)) ?? { Labels: null }
    if (!has(found, labelsOf(repo, name)))
      throw refusal(
        'docker',
        'final',
        `volume ${own} is on the engine without the labels of ${repo}: somebody else made it. Remove it (docker volume rm)`,
      )
    return found?.[label.former] ?? own
  }

  async function isFormerOf(repo: RepoId, former: string): Promise<boolean> {
    const found = await inspect(former)
    if (!found || Object.keys(found.Labels ?? {}).some((key) => key.startsWith('ps.devo.'))) return false
    const claims = await claimsOf(former)
    if (claims.length > 0) return false
    const users = await usersOf(former)
    if (users.length === 0 && isPlain(repo, former)) return true
    if (users.length === 0)
      throw undecided(
        repo,
        former,
        `volume ${former} may be of ${repo} or of a repository whose name reads alike`,
      )
    if (!users.includes(repo)) return false
    if (users.length === 1) return true
    throw undecided(repo, former, `volume ${former} is mounted by ${users.join(' and ')}`)
  }

  const claimsOf = async (former: string) =>
    (await docker.listVolumes({ filters: filterBy({ [label.plane]: plane, [label.former]: former }) }))
      .Volumes ?? []

  /** Repositories whose containers mount it, running or not; what is none of this platform's by its container's name. */
  async function usersOf(volume: string): Promise<string[]> {
    const all = await docker.listContainers({ all: true, filters: { volume: [volume] } })
    const users = all
      .filter(({ Mounts }) => Mounts.some(({ Name }) => Name === volume))
      .map(({ Labels, Names }) =>
        has(Labels, { [label.plane]: plane }) ? Labels[label.repo] : `container ${Names[0]}`,
      )
    return [...new Set(users)].map(String)
  }

  const isPlain = (repo: RepoId, former: string): boolean =>
    !repo.includes('-') && !former.slice(formerPrefix(plane, repo).length).includes('-')

  function undecided(repo: RepoId, former: string, why: string) {
    const name = former.slice(formerPrefix(plane, repo).length)
    const flags = Object.entries(labelsOf(repo, name)).map(([key, value]) => `--label ${key}=${value}`)
    const give = [
      'docker volume create',
      ...flags,
      `--label ${label.former}=${former}`,
      volumeName(plane, repo, name),
    ]
    const reason = `${why}: an administrator decides. To give its data to ${repo}: ${give.join(' ')}; to let ${repo} begin with an empty volume, the same without ${label.former}`
    return refusal('docker', 'final', reason)
  }

  const formersIn = (repo: RepoId, mounts: readonly Mount[]): string[] =>
    mounts.flatMap(({ Type, Name = '' }) =>
      Type === 'volume' && Name.startsWith(formerPrefix(plane, repo)) ? [Name] : [],
    )

  return {
    open,
    async claim(repo, mounts) {
      for (const former of formersIn(repo, mounts)) {
        const found = await inspect(former)
        // A name of today that begins like a former one has labels.
        if (found && !found.Labels?.[label.volume])
          await open(repo, former.slice(formerPrefix(plane, repo).length))
      }
    },
    async remove(repo, mounts) {
      const ours = { [label.plane]: plane, [label.repo]: repo }
      for (const { Type, Name = '' } of mounts) {
        if (Type !== 'volume') continue
        if (has((await inspect(Name))?.Labels, ours)) await removeVolume(Name)
        const claims = (await claimsOf(Name)).filter(({ Labels }) => has(Labels, ours))
        if (claims.length > 0 && (await removeVolume(Name)))
          for (const claim of claims) await removeVolume(claim.Name)
      }
    },
  }

  /** Whether it is gone. 409: another node uses it. */
  async function removeVolume(name: string): Promise<boolean> {
    try {
      await docker.getVolume(name).remove()
      return true
    } catch (error) {
      if (statusOf(error) === 404) return true
      if (statusOf(error) === 409) return false
      throw error
    }
  }
}
