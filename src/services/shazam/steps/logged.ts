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
    const query = { repo: job.repo, node: job.node, work: job.run, after, limit: PAGE }
    const { lines } = await bus.ask('logger.query', query)
    for (const { step, stream, text } of lines) {
      if (step !== job.step) continue
      if (stream === 'stdout' || stream === 'stderr') count[stream] += 1
      else if (text === startLine(job)) count = { stdout: 0, stderr: 0, started: true }
    }
    const last = lines.at(-1)
    if (!last || lines.length < PAGE) return count
    after = last.seq
  }
}
