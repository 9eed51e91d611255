import type { Bus } from '#bus'
import type { StepJob } from '#contracts/shazam.ts'

const PAGE = 10_000

/** The line that stands before the output of an attempt; what is after the last one is that attempt's. */
export const startLine = ({ step, node, attempt }: StepJob): string =>
  `step ${step + 1} starts on ${node}${attempt > 1 ? `, attempt ${attempt}` : ''}`

/** How many lines of an attempt the logger has already: what a process that died had handed over. */
export async function countLogged(
  bus: Bus,
  job: StepJob,
): Promise<{ stdout: number; stderr: number; started: boolean }> {
  let count = { stdout: 0, stderr: 0, started: false }
  for (let after = 0; ; ) {
    const query = { repo: job.repo, node: job.node, work: job.run, step: job.step, after, limit: PAGE }
    const { lines } = await bus.ask('logger.query', query)
    for (const { stream, text } of lines) {
      if (stream === 'stdout' || stream === 'stderr') count[stream] += 1
      else if (text === startLine(job)) count = { stdout: 0, stderr: 0, started: true }
    }
    const last = lines.at(-1)
    // Without its start line, what is there is of earlier attempts.
    if (!last || lines.length < PAGE) return count.started ? count : { stdout: 0, stderr: 0, started: false }
    after = last.seq
  }
}
