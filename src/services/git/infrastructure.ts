import type { Bus } from '#bus'
import type { Finding, Infrastructure } from '#contracts/descriptors.ts'
import { answered } from '#kit/answered.ts'
import { Problem } from '#kit/problem.ts'
import { type CheckOptions, type File, formatFindings, sortFindings } from '#language'
import type { Check } from './checkers.ts'
import { readDescriptors } from './descriptors.ts'
import type { Git } from './git.ts'
import type { Limits } from './limits.ts'
import type { Place } from './objects.ts'

export interface Checked {
  infrastructure: Infrastructure
  findings: Finding[]
}

export interface Reader {
  /** What a push of these files would be told. */
  check(repo: string, files: readonly File[]): Promise<Checked>
  /** The same for the files of a commit, which need not be ours yet. */
  checkCommit(repo: string, place: Place, commit: string): Promise<Checked>
  /** Throws `refused` when the commit has errors. */
  read(repo: string, place: Place, commit: string): Promise<Infrastructure>
  /** Keeps what a judgement has read already. */
  keep(repo: string, commit: string, infrastructure: Infrastructure): void
  forget(repo: string): void
}

interface Parts {
  git: Git
  bus: Bus
  judge: Check
  limits: Limits
}

const CACHED = 200

export function createReader({ git, bus, judge, limits }: Parts): Reader {
  const cache = new Map<string, Infrastructure>()

  function keep(repo: string, commit: string, infrastructure: Infrastructure) {
    const key = `${repo} ${commit}`
    cache.delete(key)
    cache.set(key, { ...infrastructure, commit })
    for (const oldest of cache.keys()) {
      if (cache.size <= CACHED) break
      cache.delete(oldest)
    }
  }

  const check = async (repo: string, files: readonly File[]): Promise<Checked> =>
    judge(repo, files, await knownNames(bus, repo))

  async function checkCommit(repo: string, place: Place, commit: string): Promise<Checked> {
    const { files, findings } = await readDescriptors(git, place, commit, limits)
    const checked = await check(repo, files)
    return {
      infrastructure: checked.infrastructure,
      findings: sortFindings([...findings, ...checked.findings]),
    }
  }

  async function read(repo: string, place: Place, commit: string): Promise<Infrastructure> {
    const known = cache.get(`${repo} ${commit}`)
    if (known) {
      keep(repo, commit, known)
      return known
    }
    // Variables come and go after a push: a commit that was good when it came is not refused for them later.
    const { files, findings } = await readDescriptors(git, place, commit, limits)
    const checked = await judge(repo, files, { accepted: true })
    const errors = errorsOf([...findings, ...checked.findings])
    if (errors.length > 0) throw new Problem('refused', { findings: formatFindings(errors) })
    const infrastructure = { ...checked.infrastructure, commit }
    keep(repo, commit, infrastructure)
    return infrastructure
  }

  return {
    check,
    checkCommit,
    read,
    keep,
    forget(repo) {
      for (const key of cache.keys()) if (key.startsWith(`${repo} `)) cache.delete(key)
    },
  }
}

export const errorsOf = (findings: readonly Finding[]): Finding[] =>
  findings.filter((finding) => finding.severity === 'error')

type KnownNames = Required<Pick<CheckOptions, 'variables' | 'secrets' | 'credentials'>>

const NAMES = 'whether the variables, secrets and credentials that descriptors name are there'
/** Milliseconds. */
const PATIENCE = 10_000

/** Throws `unanswered`: while nobody can tell what there is, descriptors are not taken for good. */
async function knownNames(bus: Bus, repo: string): Promise<KnownNames> {
  const options = { deadline: PATIENCE }
  const asked = Promise.all([
    bus.ask('registry.list_variables', { repo }, options),
    bus.ask('registry.list_secrets', { repo }, options),
    bus.ask('profiles.repository_credentials', { repo }, options),
  ])
  const [variables, secrets, credentials] = await answered(NAMES, asked)
  return {
    variables: variables.map(({ name }) => name),
    secrets: secrets.map(({ name }) => name),
    credentials: new Map(credentials.map(({ name, provider }) => [name, provider])),
  }
}

export const emptyInfrastructure = (repo: string): Infrastructure => ({
  repo,
  commit: null,
  nodes: [],
  tasks: [],
  scripts: {},
  services: [],
})
