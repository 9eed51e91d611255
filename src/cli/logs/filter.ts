import type { Client, LogFilter } from '#client'
import { oneOf } from '../choice.ts'
import { Failure, wrongUsage } from '../failure.ts'
import { must, type Repo } from '../session.ts'
import { moment } from './moment.ts'

/** What `devops logs` is told on the command line. */
export interface LogOptions {
  follow?: boolean
  platform?: boolean
  node?: string
  task?: string
  work?: string
  step?: string
  stream?: string
  service?: string
  level?: string
  grep?: string
  since?: string
  until?: string
  before?: string
  limit: string
  all?: boolean
  json?: boolean
}

export const streams = ['stdout', 'stderr', 'platform', 'syslog'] as const
export const levels = ['debug', 'info', 'warn', 'error'] as const

/** Throws when words of the command line contradict each other, or are no such thing. */
export function checkOptions(options: LogOptions, run: string | undefined): void {
  const { platform, node, task, work, follow, all, before, until } = options
  if (run !== undefined && task === undefined)
    throw wrongUsage(
      `The run ${run} needs its task.`,
      `Write \`devops logs --task TASK ${run}\`, or --work ${run}.`,
    )
  if (platform && (node ?? task ?? work) !== undefined)
    throw wrongUsage('--platform shows lines of devo.ps itself: it takes no --node, --task or --work.')
  if (follow && (all || before !== undefined || until !== undefined))
    throw wrongUsage('--follow goes on with new lines: it takes no --all, --before or --until.')
  if (all && before !== undefined) throw wrongUsage('--all gives every line: it takes no --before.')
}

/** The filter without what has to be asked for. */
export function plainFilter(options: LogOptions, now: number): LogFilter {
  const { node, work, stream, service, level, grep, since, until, before } = options
  const limit = whole(options.limit, '--limit', 1)
  if (limit > 10_000) throw wrongUsage(`--limit is a number from 1 to 10000, not \`${options.limit}\`.`)
  return {
    ...(node === undefined ? {} : { node }),
    ...(work === undefined ? {} : { work }),
    ...(options.step === undefined ? {} : { step: whole(options.step, '--step', 1) }),
    ...(stream === undefined ? {} : { stream: oneOf('stream', stream, streams) }),
    ...(service === undefined ? {} : { service }),
    ...(level === undefined ? {} : { level: oneOf('level', level, levels) }),
    ...(grep === undefined ? {} : { text: grep }),
    ...(since === undefined ? {} : { since: moment(since, now, '--since') }),
    ...(until === undefined ? {} : { until: moment(until, now, '--until') }),
    ...(before === undefined ? {} : { before: whole(before, '--before', 1) }),
    limit,
  }
}

/** Of a task: the lines of the run that is named, or of the latest. */
export async function runFilter(
  client: Client,
  repo: Repo,
  { task, follow, all }: LogOptions,
  run: string | undefined,
): Promise<LogFilter> {
  if (run !== undefined) return { work: run }
  if (task === undefined) return {}
  if (all) return { task }
  const query = { task, limit: 1 }
  const [latest] = must(
    await client.GET('/v1/repos/{owner}/{repo}/runs', { params: { path: repo.path, query } }),
  )
  if (latest) return { work: latest.id }
  if (follow) return { task }
  throw new Failure(`Task ${task} has not run yet.`, `Start it with \`devops run ${task}\`.`)
}

function whole(text: string, option: string, least: number): number {
  if (/^\d{1,15}$/.test(text) && Number(text) >= least) return Number(text)
  throw wrongUsage(`${option} is a number from ${least} on, not \`${text}\`.`)
}
