import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { root } from './tests.ts'

export type Verdict = 'failed' | 'passed' | 'timed out'

const hook = pathToFileURL(join(import.meta.dirname, 'substitute.ts')).href
/** A line of TAP that says that a test failed; what is marked TODO may fail. */
const FAILED = /^\s*not ok (?!.*# (TODO|SKIP))/
/** Groups of the trials that run: whoever interrupts a run ends them too. */
const groups = new Set<number>()

export function endTrials(): void {
  for (const group of groups) signal(group, 'SIGTERM')
}

/** milliseconds that an ended trial has to clean up */
const GRACE = 5_000

/**
 * Runs a test file in a process group of its own with one module changed, until its first failed test.
 * `source`: the text of the changed module. `limit`: milliseconds.
 */
export async function tryMutant(
  test: string,
  module: string,
  source: string,
  limit: number,
): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'mutate-'))
  try {
    const path = join(folder, 'module.ts')
    await writeFile(path, source)
    // The trial speaks TAP, also when a test started it.
    const { NODE_TEST_CONTEXT: _, ...own } = process.env
    const env = {
      ...own,
      MUTATE_MODULE: join(root, module),
      MUTATE_SOURCE: path,
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${hook}`.trim(),
      NODE_COMPILE_CACHE: join(root, '.cache/mutate/compiled'),
      TEST_PATIENCE: '10000',
      TMPDIR: folder,
    }
    const child = spawn('nice', ['-n', '19', process.execPath, '--test-reporter=tap', test], {
      cwd: root,
      detached: true,
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return await judge(child, limit)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function judge(child: ReturnType<typeof spawn>, limit: number): Promise<Verdict> {
  let verdict: Verdict | undefined
  const group = -(child.pid ?? 0)
  groups.add(group)
  const closed = once(child, 'close')
  const timers: NodeJS.Timeout[] = []
  const end = (why: Verdict) => {
    if (verdict) return
    verdict = why
    signal(group, 'SIGTERM')
    timers.push(setTimeout(() => signal(group, 'SIGKILL'), GRACE))
  }
  timers.push(setTimeout(() => end('timed out'), limit))
  if (child.stdout)
    createInterface(child.stdout).on('line', (line) => {
      if (FAILED.test(line)) end('failed')
    })
  const [code] = await closed
  for (const timer of timers) clearTimeout(timer)
  // What a test started and did not stop has the group's number still.
  signal(group, 'SIGKILL')
  groups.delete(group)
  return verdict ?? (code === 0 ? 'passed' : 'failed')
}

function signal(group: number, name: NodeJS.Signals): void {
  try {
    process.kill(group, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
