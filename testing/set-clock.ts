import { readFileSync, watchFile } from 'node:fs'

/**
 * Loaded before a program (`node --import`), lets a test set its wall clock while it runs: the file named by SET_CLOCK holds
 * the milliseconds by which it is ahead of the machine's. Timers and the steady clock go on, as when people set a clock.
 */
const file = process.env.SET_CLOCK ?? ''
const RealDate = Date
const read = () => {
  try {
    return Number(readFileSync(file, 'utf8')) || 0
  } catch {
    return 0
  }
}
let ahead = read()
watchFile(file, { interval: 50, persistent: false }, () => {
  ahead = read()
})

globalThis.Date = class extends RealDate {
  constructor(...args: unknown[]) {
    if (args.length === 0) super(RealDate.now() + ahead)
    else super(...(args as [number]))
  }

  static override now(): number {
    return RealDate.now() + ahead
  }
} as DateConstructor
