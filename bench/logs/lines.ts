import type { NewLine } from '#contracts/logger.ts'

export const repo = 'ann/shop'
export const WRITERS = 10
export const BATCH = 500

const words =
  `get post nginx reload systemd started unit package apt install error warning failed connection refused
from port user deploy task node web db cache key value index listen socket worker process`.split(/\s+/)

export const idOf = (i: number): string => ((i * 2_654_435_761) >>> 0).toString(16).padStart(8, '0')

export function line(i: number, writer: number, at = 1_767_225_600_000 + i): NewLine {
  const some = Array.from({ length: 8 }, (_, k) => words[(i * 7 + k * 13 + ((i >> k) & 15)) % words.length])
  return {
    at,
    repo,
    node: `web${writer}`,
    work: `w${writer}`,
    step: 1,
    stream: 'stdout',
    level: 'info',
    text: `app[${i % 5000}]: ${some.join(' ')} request=${idOf(i)}`,
  }
}

export const batch = (from: number, to: number, at?: number): NewLine[] =>
  Array.from({ length: to - from }, (_, i) => line(from + i, i % WRITERS, at))

export const perSecond = (count: number, seconds: number): string =>
  `${Math.round(count / seconds).toLocaleString('en')} lines a second`
