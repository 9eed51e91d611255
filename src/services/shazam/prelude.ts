import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MADE, PENDING } from './facts/journal.ts'

const parts = ['disk', 'run', 'guard', 'files', 'archives', 'packages', 'accounts', 'checkout', 'system']

const read = (name: string) => readFileSync(join(import.meta.dirname, 'prelude', `${name}.sh`), 'utf8')

/**
 * The functions of every apply, in plain POSIX sh (dash, busybox). Nothing here runs by itself: the script's last line
 * starts `main`, so a transfer that is cut off runs nothing.
 */
export const prelude = [`MADE=${MADE} PENDING=${PENDING}`, ...parts.map(read)].join('\n')
