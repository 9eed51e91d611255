import { createHash } from 'node:crypto'
import { createMask } from '#kit/mask/index.ts'
import { batch } from './logs/lines.ts'

const LINES = 40_000
const COUNTS = [1, 10, 100]

const digest = (i: number) => createHash('sha256').update(`secret ${i}`).digest('base64')
const kinds: Record<string, (i: number) => string> = {
  'keys of 44 characters': digest,
  'passwords of 13 characters': (i) => `${digest(i).slice(0, 12)}!`,
  'passphrases of words': (i) => `correct horse ${i} battery`,
}

/** How fast lines of steps without a secret are masked, by processor time; before that, how long the first lines take. */
export async function mask(): Promise<void> {
  const lines = batch(0, LINES).map(({ text }) => `${text}\n`)
  for (const [kind, secretOf] of Object.entries(kinds))
    for (const count of COUNTS) {
      const masked = createMask(Array.from({ length: count }, (_, i) => secretOf(i)))
      const first = milliseconds(() => lines.slice(0, LINES / 2).forEach(masked))
      const later = lines.slice(LINES / 2)
      const bytes = later.reduce((sum, line) => sum + line.length, 0)
      const ms = milliseconds(() => later.forEach(masked))
      console.log(
        `${String(count).padStart(4)} ${kind}: ${(bytes / 1000 / ms).toFixed(1)} MB/s; the first ${LINES / 2} lines ${first.toFixed(0)} ms, later ones ${ms.toFixed(0)} ms`,
      )
    }
}

/** Of this thread. */
function milliseconds(act: () => void): number {
  const before = process.threadCpuUsage()
  act()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}
