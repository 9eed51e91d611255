import { readFileSync } from 'node:fs'

export interface Figures {
  /** Milliseconds, as they came. */
  times: number[]
  /** Processor milliseconds of the platform in all of them together. */
  processor?: number
  /** It was ended before it was done: it takes longer than this. */
  capped?: true
}

export interface Act {
  act(): Promise<unknown>
  /** Whose processor time it costs. */
  pid?: number
}

export async function measure(repeats: number, act: () => Promise<unknown>, pid?: number): Promise<Figures> {
  const [figures = { times: [] }] = await measureInTurn(repeats, [{ act, ...(pid !== undefined && { pid }) }])
  return figures
}

/** One after the other, again and again, so that what else goes on at the machine meets all of them. */
export async function measureInTurn(repeats: number, acts: readonly Act[]): Promise<Figures[]> {
  const all = acts.map(({ pid }): Figures => ({ times: [], ...(pid !== undefined && { processor: 0 }) }))
  for (let i = 0; i < repeats; i++) {
    for (const [at, { act, pid }] of acts.entries()) {
      const figures = all[at] as Figures
      const before = pid === undefined ? 0 : processor(pid)
      const started = performance.now()
      await act()
      figures.times.push(performance.now() - started)
      if (pid !== undefined) figures.processor = (figures.processor ?? 0) + processor(pid) - before
    }
  }
  return all
}

/** Milliseconds of processor time of a process and of its children that have ended: proc(5), utime to cstime. */
function processor(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * 10, 0)
}

/** MiB that a process holds now. */
export const memory = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

export const median = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0

export const format = (ms: number): string =>
  ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
