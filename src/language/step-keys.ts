import type { Step } from '#contracts/descriptors.ts'
import { namePattern } from '#contracts/ids.ts'
import { conditionTrouble } from './condition.ts'
import { readDuration } from './duration.ts'
import { asList, asText, asTree, field, isTree, type Tree } from './fields.ts'
import type { At, Report } from './source.ts'
import { show } from './text.ts'

export const newStepKeys = [
  'if',
  'env',
  'timeout',
  'retries',
  'continue_on_error',
  'outputs',
  'user',
  'needs',
] as const

const MOST_RETRIES = 100
/** Seconds before the first retry. */
const PAUSE = 5

/** How a step runs: when, as whom, how long, how often. */
export function readStepKeys(tree: Tree, at: At, report: Report): Partial<Step> {
  const condition = readCondition(tree, at, report)
  const env = readEnv(tree, at, report)
  const timeout = readDuration(field(tree, at, report, 'timeout'), report)
  const retries = readRetries(tree, at, report)
  const tolerant = readFlag(tree, at, report, 'continue_on_error')
  const outputs = readNames(tree, at, report, 'outputs', variableName, 'letters, digits and _')
  const user = readUser(tree, at, report)
  const needs = readNames(tree, at, report, 'needs', namePattern, 'letters, digits, - and _')
  return {
    ...(condition !== undefined && { if: condition }),
    ...(env && { env }),
    ...(timeout !== undefined && { timeout }),
    ...(retries && { retries }),
    ...(tolerant !== undefined && { continue_on_error: tolerant }),
    ...(outputs && { outputs }),
    ...(user !== undefined && { user }),
    ...(needs && { needs }),
  }
}

const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/

function readCondition(tree: Tree, at: At, report: Report): string | undefined {
  const found = field(tree, at, report, 'if')
  if (!found) return undefined
  // `if: true` is what people write while they try things out.
  const text = typeof found.value === 'boolean' ? String(found.value) : asText(found, report)
  const trouble = text === undefined ? undefined : conditionTrouble(text)
  if (trouble) report(found.at, trouble)
  return text
}

function readEnv(tree: Tree, at: At, report: Report): Record<string, string> | undefined {
  const found = field(tree, at, report, 'env')
  const map = asTree(found, report)
  if (!found || !map) return undefined
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(map)) {
    const here = [...found.at, name]
    if (!variableName.test(name))
      report(here, `an environment variable is named with letters, digits and _, got ${show(name)}`)
    else if (/^(LD_|DEVOPS_)/.test(name))
      report(here, `names that begin with LD_ or DEVOPS_ are not for steps`)
    else if (isTree(value) || Array.isArray(value)) report(here, `must be a single value, got ${show(value)}`)
    else env[name] = value === null ? '' : String(value)
  }
  return env
}

function readRetries(tree: Tree, at: At, report: Report): Step['retries'] {
  const found = field(tree, at, report, 'retries')
  if (!found) return undefined
  const written = isTree(found.value) ? found.value : { count: found.value }
  for (const key of Object.keys(written))
    if (key !== 'count' && key !== 'pause')
      report([...found.at, key], `unknown key ${show(key)}: write count and pause`)
  const { count } = written
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 0 || count > MOST_RETRIES) {
    report(
      found.at,
      `must be a number from 0 to ${MOST_RETRIES}, or a map with count and pause, got ${show(found.value)}`,
    )
    return undefined
  }
  const pause = written.pause === 0 ? 0 : readDuration(field(written, found.at, report, 'pause'), report)
  return count === 0 ? undefined : { count, pause: pause ?? PAUSE }
}

export function readFlag(tree: Tree, at: At, report: Report, name: string): boolean | undefined {
  const found = field(tree, at, report, name)
  if (!found || typeof found.value === 'boolean') return found?.value as boolean | undefined
  report(found.at, `must be true or false, got ${show(found.value)}`)
}

function readNames(
  tree: Tree,
  at: At,
  report: Report,
  key: string,
  pattern: RegExp,
  made: string,
): string[] | undefined {
  const found = field(tree, at, report, key)
  if (!found) return undefined
  const list = typeof found.value === 'string' ? [found.value] : asList(found, report)
  if (!list) return undefined
  const names: string[] = []
  list.forEach((name, i) => {
    const here = Array.isArray(found.value) ? [...found.at, i] : found.at
    if (typeof name !== 'string' || !pattern.test(name))
      report(here, `is named with ${made}, got ${show(name)}`)
    else if (names.includes(name)) report(here, `${show(name)} is named twice`)
    else names.push(name)
  })
  return names
}

function readUser(tree: Tree, at: At, report: Report): string | undefined {
  const found = field(tree, at, report, 'user')
  const user = asText(found, report)
  if (!found || user === undefined || /^[a-z_][a-z0-9_-]{0,31}$/.test(user)) return user
  report(found.at, `must be the name of a system user, got ${show(user)}`)
}
