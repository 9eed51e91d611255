import { readFileSync } from 'node:fs'
import { asRoot, run } from './shell.ts'

const file = '/proc/sys/fs/inotify/max_user_instances'
/** Each systemd takes some: with Linux's own 128 the thirtieth server does not come up. */
const WANTED = 8192

export function hasRoom(): boolean {
  try {
    return Number(readFileSync(file, 'utf8')) >= WANTED / 8
  } catch {
    // Not Linux: then the engine runs in a machine of its own.
    return true
  }
}

/** Until the next boot. */
export async function makeRoom(onLine: (line: string) => void): Promise<void> {
  try {
    await run(asRoot(['sysctl', '-qw', `fs.inotify.max_user_instances=${WANTED}`]), onLine)
  } catch (error) {
    onLine(`more than about 25 nodes at once will not come up: ${(error as Error).message}`)
  }
}
