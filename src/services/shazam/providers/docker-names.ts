import { createHash } from 'node:crypto'
import type { RepoId } from '#contracts/ids.ts'

export type Who = { repo: RepoId; node: string }

/** Labels by which the things of an engine are told apart: whose they are, and what. Names only help people to read. */
export const label = {
  plane: 'ps.devo.plane',
  repo: 'ps.devo.repo',
  node: 'ps.devo.node',
  token: 'ps.devo.token',
  volume: 'ps.devo.volume',
  /** Of a volume that holds no data itself: the name of the volume of an earlier version that stands for it. */
  former: 'ps.devo.former',
  network: 'ps.devo.network',
} as const

export type Labels = Record<string, string>

/** A filter of the engine's lists. */
export const filterBy = (labels: Labels): { label: string[] } => ({
  label: Object.entries(labels).map(([key, value]) => `${key}=${value}`),
})

export const has = (labels: Labels | null | undefined, wanted: Labels): boolean =>
  Object.entries(wanted).every(([key, value]) => labels?.[key] === value)

/**
 * A name that people can read and that no other thing of a platform has. The readable part joins what may have dashes
 * itself, so it alone tells nothing apart: the hash does.
 */
function uniqueName(kind: string, plane: string, parts: readonly string[]): string {
  const readable = parts
    .join('-')
    .replace(/[^A-Za-z0-9_.-]/g, '-')
    .slice(0, 120)
  return `devops-${readable}-${hash(JSON.stringify([kind, plane, ...parts])).slice(0, 32)}`
}

export const containerName = (plane: string, { repo, node }: Who): string =>
  uniqueName('container', plane, [repo, node])

export const volumeName = (plane: string, repo: RepoId, name: string): string =>
  uniqueName('volume', plane, [repo, name])

export const networkName = (plane: string, repo: RepoId): string => uniqueName('network', plane, [repo])

/** What an earlier version called all volumes of a repository by. `acme/dev-x` and `acme-dev/x` have the same. */
export const formerPrefix = (plane: string, repo: RepoId): string =>
  `devops-${hash(plane).slice(0, 8)}-${repo.replace('/', '-')}-`

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
