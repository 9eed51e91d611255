import { spawn, spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../..')
/** What setup leaves between runs: logs, process ids. Ignored by git. */
export const cache = resolve(root, '.cache')

/** Whether a command exits with 0; nothing is shown. */
export const succeeds = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0

export const output = (command: string, ...args: string[]): string =>
  (spawnSync(command, args, { encoding: 'utf8' }).stdout ?? '').trim()

/**
 * Runs a command with its output in `.cache/setup.log`; `onLine` sees the lines as they come.
 * Throws with the last lines when it fails.
 */
export async function run(command: string[], onLine: (line: string) => void = () => {}): Promise<void> {
  const log = resolve(cache, 'setup.log')
  mkdirSync(dirname(log), { recursive: true })
  appendFileSync(log, `\n$ ${command.join(' ')}\n`)
  const tail: string[] = []
  const child = spawn(command[0] as string, command.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
  })
  const take = (chunk: Buffer) => {
    appendFileSync(log, chunk)
    for (const line of chunk.toString().split('\n').filter(Boolean)) {
      tail.push(line)
      if (tail.length > 8) tail.shift()
      onLine(line)
    }
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const code = await new Promise<number | null>((done, fail) => {
    child.on('error', fail)
    child.on('close', done)
  })
  if (code !== 0)
    throw new Error(
      `\`${command.join(' ')}\` failed (${code}); see .cache/setup.log:\n  ${tail.join('\n  ')}`,
    )
}

/** The same command with the rights of root. */
export function asRoot(command: string[]): string[] {
  if (process.getuid?.() === 0) return command
  if (succeeds('sudo', '-n', 'true')) return ['sudo', '-n', '--preserve-env=DEBIAN_FRONTEND', ...command]
  throw new Error(
    `this needs root: \`${command.join(' ')}\`. Run it yourself, or run as root, and try again.`,
  )
}
