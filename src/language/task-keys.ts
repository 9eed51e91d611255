import type { Task } from '#contracts/descriptors.ts'
import { namePattern } from '#contracts/ids.ts'
import { readDuration } from './duration.ts'
import { asTree, type Found, field, isTree, refuseUnknownKeys, type Tree } from './fields.ts'
import type { Report } from './source.ts'
import { readFlag } from './step-keys.ts'
import { show } from './text.ts'

export const newTaskKeys = ['timeout', 'concurrency', 'batch', 'approval', 'on_failure'] as const

type Keys = Pick<Task, 'timeout' | 'concurrency' | 'batch' | 'approval'>

/** How the runs of a task go: how long, one beside another, how many nodes at a time, with whose consent. */
export function readTaskKeys(tree: Tree, report: Report): Keys {
  const timeout = readDuration(field(tree, [], report, 'timeout'), report)
  const concurrency = readConcurrency(field(tree, [], report, 'concurrency'), report)
  const batch = readBatch(field(tree, [], report, 'batch'), report)
  const approval = readApproval(field(tree, [], report, 'approval'), report)
  return {
    ...(timeout !== undefined && { timeout }),
    ...(concurrency && { concurrency }),
    ...(batch && { batch }),
    ...(approval && { approval }),
  }
}

const kinds = ['queue', 'replace', 'skip'] as const

function readConcurrency(found: Found | undefined, report: Report): Keys['concurrency'] {
  const kind = kinds.find((each) => each === found?.value)
  if (found && !kind) report(found.at, `must be queue, replace or skip, got ${show(found.value)}`)
  return kind
}

const isWhole = (value: unknown, least: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= least

function readBatch(found: Found | undefined, report: Report): Keys['batch'] {
  if (!found) return undefined
  const tree: Tree = isTree(found.value) ? found.value : { size: found.value }
  refuseUnknownKeys(tree, new Set(['size', 'max_failures']), found.at, report)
  const { size, max_failures = 0 } = tree
  const sized = isWhole(size, 1) || (typeof size === 'string' && /^([1-9][0-9]?|100)%$/.test(size))
  if (!sized) report(found.at, `size must be a number of nodes or a share such as 25%, got ${show(size)}`)
  if (!isWhole(max_failures, 0))
    report([...found.at, 'max_failures'], `must be a number of nodes from 0 on, got ${show(max_failures)}`)
  return sized && isWhole(max_failures, 0) ? { size: size as number | string, max_failures } : undefined
}

/** Seconds that an approval is waited for. */
const WITHIN = 86_400
const roles = ['write', 'admin', 'owner'] as const

function readApproval(found: Found | undefined, report: Report): Keys['approval'] {
  if (!found) return undefined
  if (found.value === true) return { by: 'write', within: WITHIN, other: false }
  if (found.value === false) return undefined
  const tree = asTree(
    typeof found.value === 'string' ? { ...found, value: { by: found.value } } : found,
    report,
  )
  if (!tree) return undefined
  refuseUnknownKeys(tree, new Set(['by', 'within', 'other']), found.at, report)
  const by = readApprovers(tree.by ?? 'write')
  if (!by) report(found.at, `by must be write, admin, owner or a list of users, got ${show(tree.by)}`)
  const within = readDuration(field(tree, found.at, report, 'within'), report)
  const other = readFlag(tree, found.at, report, 'other')
  return by && { by, within: within ?? WITHIN, other: other ?? false }
}

function readApprovers(value: unknown): NonNullable<Keys['approval']>['by'] | undefined {
  const role = roles.find((each) => each === value)
  if (role) return role
  const named = (each: unknown): each is string => typeof each === 'string' && namePattern.test(each)
  return Array.isArray(value) && value.length > 0 && value.every(named) ? value : undefined
}
