import type { Bus } from '#bus'
import type { StepJob } from '#contracts/shazam.ts'

const PAGE = 10_000

/** The line that stands before the output of an attempt; what is after the last one is that attempt's. */
export const startLine = ({ step, node, attempt }: StepJob): string =>
  `step ${step + 1} starts on ${node}${attempt > 1 ? `, attempt ${attempt}` : ''}`

/** Lines of an attempt that the logger has, by stream. `started`: it has the line that stands before them. */
export interface Logged {
  stdout: number
  stderr: number
  started: boolean
}

/** How many lines of an attempt the logger has already: what a process that died had handed over. */
export const countLogged = async (bus: Bus, job: StepJob): Promise<Logged> =>
  (await readLogged(bus, job)).count

/** What was said about an attempt, besides its output. */
export const saidBefore = async (bus: Bus, job: StepJob): Promise<ReadonlySet<string>> =>
  (await readLogged(bus, job)).said

async function readLogged(bus: Bus, job: StepJob): Promise<{ count: Logged; said: Set<string> }> {
  const none: Logged = { stdout: 0, stderr: 0, started: false }
  let count = { ...none }
  let said = new Set<string>()
  for (let after = 0; ; ) {
    const query = { repo: job.repo, node: job.node, work: job.run, step: job.step, after, limit: PAGE }
    const { lines } = await bus.ask('logger.query', query)
    for (const { stream, text } of lines) {
      if (stream === 'stdout' || stream === 'stderr') count[stream] += 1
      else if (text === startLine(job)) {
        count = { ...none, started: true }
        said = new Set()
      } else said.add(text)
    }
    const last = lines.at(-1)
    // Without its start line, what is there is of earlier attempts.
    if (!last || lines.length < PAGE)
      return count.started ? { count, said } : { count: none, said: new Set() }
    after = last.seq
  }
}
