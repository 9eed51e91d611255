import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Platform {
  child: ChildProcess
  port: number
  pushed: { after: string; by: string }[]
}

/** A platform in a process of its own, on the data in `folder`; it ends with `stack`, or at its failpoint. */
export async function startPlatform(
  stack: AsyncDisposableStack,
  folder: string,
  failpoint = '',
): Promise<Platform> {
  const script = join(import.meta.dirname, 'crash-child.ts')
  const child = spawn(process.execPath, [script, folder, failpoint], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  stack.defer(async () => {
    child.kill('SIGKILL')
    await exit
  })
  const platform: Platform = { child, port: 0, pushed: [] }
  const ready = Promise.withResolvers<void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const said = JSON.parse(line)
    if (said.port) platform.port = said.port
    if (said.pushed) platform.pushed.push(said.pushed)
    if (said.ready) ready.resolve()
  })
  await Promise.race([
    ready.promise,
    exit.then(() => Promise.reject(new Error('the platform did not start'))),
  ])
  return platform
}
