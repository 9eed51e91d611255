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
  const [{ nodes }, records] = await Promise.all([
    bus.ask('git.infrastructure', { repo }),
    bus.ask('registry.list_nodes', { repo }),
  ])
  const names = new Set([...nodes.map(({ id }) => id), ...records.map((record) => record.node)])
  if (!names.has(node)) throw noSuch('node', node, ` in ${repo}`, names)
}

/** Throws when a repository has no such task. */
export async function requireTask(bus: Bus, repo: string, task: string): Promise<void> {
  const { tasks } = await bus.ask('git.infrastructure', { repo })
  const names = new Set(tasks.map(({ id }) => id))
  if (!names.has(task)) throw noSuch('task', task, ` in ${repo}`, names)
}

/** Throws when no task of a repository has a webhook at this path. */
export async function requireWebhook(bus: Bus, repo: string, path: string): Promise<void> {
  const { tasks } = await bus.ask('git.infrastructure', { repo })
  const paths = new Set(tasks.flatMap(({ triggers }) => triggers.webhooks.map((webhook) => webhook.path)))
  if (!paths.has(path)) throw noSuch('webhook', path, ` in ${repo}`, paths)
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
