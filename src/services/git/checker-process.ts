import { writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { type CheckOptions, checkRepository, type File } from '#language'
import type { FromChecker, ToChecker } from './checker-messages.ts'
import { piecesOf } from './checker-messages.ts'

/**
 * Judges descriptors in a process of its own: whatever they make it take, the platform has its time and memory to
 * itself. It reads no file, has no environment, and ends with the platform.
 */
let common: Pick<CheckOptions, 'catalog' | 'engine'> = { catalog: [] }
let files: File[] = []

process.on('message', (message: ToChecker) => {
  if ('catalog' in message) common = message
  else if ('files' in message) files.push(...message.files)
  else answer(message.check)
})
// Signals to the group of the platform are for the platform, which waits for what is being judged.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('disconnect', () => process.exit())
yieldToPlatform()

function answer(options: Partial<CheckOptions>): void {
  const given = files
  files = []
  try {
    for (const piece of piecesOf(checkRepository(given, { ...options, ...common }))) tell(piece)
    tell({ done: true })
  } catch (error) {
    tell({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
}

function tell(message: FromChecker): void {
  process.send?.(message)
}

/** On a machine that is short of processors or memory the platform goes first. */
function yieldToPlatform(): void {
  try {
    setPriority(5)
    writeFileSync('/proc/self/oom_score_adj', '1000')
  } catch {
    // Not everywhere is this allowed; the limits of time and memory hold all the same.
  }
}
