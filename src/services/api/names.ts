import type { Bus } from '#bus'
import type { Identity } from '#contracts/profiles.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import { nearest } from '#language'
import { visibleRepositories } from './repositories.ts'

/** `There is no node wep in ann/shop, did you mean web?` Of `names` only those that the caller may see. */
export function noSuch(what: string, name: string, place: string, names: Iterable<string>): Problem {
  const near = nearest(name, names)
  const hint = near === undefined ? '' : `, did you mean ${near}?`
  return new Problem('not_found', { what: `${what} ${name}${place}${hint}` })
}

/** Throws when a repository neither describes such a node nor has a record of one. */
export async function requireNode(bus: Bus, repo: string, node: string): Promise<void> {
  const names = await nodeNames(bus, repo)
  if (!names.includes(node)) throw noSuch('node', node, ` in ${repo}`, names)
}

/** Of the nodes that a repository describes, and those that have a record. */
export async function nodeNames(bus: Bus, repo: string): Promise<string[]> {
  const [{ nodes }, records] = await Promise.all([
    bus.ask('git.infrastructure', { repo }),
    bus.ask('registry.list_nodes', { repo }),
  ])
  return [...new Set([...nodes.map(({ id }) => id), ...records.map((record) => record.node)])]
}

export const taskNames = async (bus: Bus, repo: string): Promise<string[]> =>
  (await bus.ask('git.infrastructure', { repo })).tasks.map(({ id }) => id)

/** Throws when a repository has no such task. */
export async function requireTask(bus: Bus, repo: string, task: string): Promise<void> {
  const names = await taskNames(bus, repo)
  if (!names.includes(task)) throw noSuch('task', task, ` in ${repo}`, names)
}

/** Throws when no task of a repository has a webhook at this path. */
export async function requireWebhook(bus: Bus, repo: string, path: string): Promise<void> {
  const { tasks } = await bus.ask('git.infrastructure', { repo })
  const paths = new Set(tasks.flatMap(({ triggers }) => triggers.webhooks.map((webhook) => webhook.path)))
  if (!paths.has(path)) throw noSuch('webhook', path, ` in ${repo}`, paths)
}

/** Programs and services that have lines, as far as the latest tell, and those of the platform itself. */
const PLATFORM = ['api', 'git', 'logger', 'monitor', 'profiles', 'registry', 'shazam', 'tasker']
const LATEST_LINES = 2000

/**
 * Throws when no line of a service is kept, and its name is nearly that of one which has some. Any other name may be
 * that of a program that has been silent so far.
 */
export async function requireService(bus: Bus, repo: string, service: string): Promise<void> {
  if (PLATFORM.includes(service)) return
  const { lines } = await bus.ask('logger.query', { repo, limit: LATEST_LINES })
  const names = [...PLATFORM, ...lines.flatMap((line) => line.service ?? [])]
  if (nearest(service, names) !== undefined) throw noSuch('line of service', service, '', names)
}

/** Throws when a variable has no such name in any place of a repository. */
export async function requireVariable(bus: Bus, repo: string, scope: string, name: string): Promise<void> {
  await requireScope(bus, repo, scope)
  const names = await variableNames(bus, repo)
  if (!names.includes(name)) throw noSuch('variable', name, ` in ${repo}`, names)
}

/** Set by hand, or written in descriptors. */
async function variableNames(bus: Bus, repo: string): Promise<string[]> {
  const [set, { nodes, tasks }] = await Promise.all([
    bus.ask('registry.list_variables', { repo }),
    bus.ask('git.infrastructure', { repo }),
  ])
  return [...set.map(({ name }) => name), ...[...nodes, ...tasks].flatMap(({ vars }) => Object.keys(vars))]
}

/** Throws when what a variable is of is not there: the repository itself always is. */
export async function requireScope(bus: Bus, repo: string, scope: string): Promise<void> {
  const [, kind, id = ''] = /^(node|task):(.*)$/.exec(scope) ?? []
  if (kind === 'node') await requireNode(bus, repo, id)
  if (kind === 'task') await requireTask(bus, repo, id)
}

/** Throws when an address begins with what is neither a node nor a variable, or names nothing below it. */
export async function requireAddress(bus: Bus, repo: string, address: string): Promise<void> {
  const [head = '', second] = address.split(/[.[]/)
  if (second === undefined || head === 'vars') return requireVariable(bus, repo, 'repo', second ?? head)
  if (head === 'secrets' || head === 'passwords') return
  await requireNode(bus, repo, head)
}

/** Throws when the caller cannot see a repository that a token or a credential shall be for. */
export async function requireRepositories(
  bus: Bus,
  identity: Identity,
  repos: readonly string[],
): Promise<void> {
  if (repos.length === 0) return
  const names = (await visibleRepositories(bus, identity)).map(({ repo }) => repo)
  for (const repo of repos) if (!names.includes(repo)) throw noSuch('repository', repo, '', names)
}

/** What a service says about a server: that there is no such node comes first. */
export async function ofNode<T>(bus: Bus, repo: string, node: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (isProblem(error, 'not_found')) await requireNode(bus, repo, node)
    throw error
  }
}

/** An answer about a repository: that there is none comes with the nearest name of those that the caller can list. */
export async function nearestRepository<T>(
  bus: Bus,
  repo: string,
  identity: Identity,
  answer: Promise<T>,
): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!isProblem(error, 'not_found') || error.data.what !== `repository ${repo}`) throw error
    // The refusal stands whether or not there is a name to offer.
    const seen = await visibleRepositories(bus, identity).catch(() => undefined)
    if (!seen) throw error
    throw noSuch(
      'repository',
      repo,
      '',
      seen.map((one) => one.repo),
    )
  }
}
