import { type ChildProcess, execFile, spawn } from 'node:child_process'
import type { Limits } from './limits.ts'

export interface RunOptions {
  /** Where the repository is. */
  at?: string
  env?: Record<string, string>
  input?: string | Buffer
  /** Bytes of stdout that are accepted. */
  limit?: number
}

export interface Git {
  /** Runs to the end and gives stdout. Throws `GitFailed`. */
  run(args: readonly string[], options?: RunOptions): Promise<Buffer>
  /** Starts a process in a group of its own, with `pipes` descriptors beyond 0, 1 and 2. `hooks`: ours are run. */
  start(
    args: readonly string[],
    options: { env?: Record<string, string>; hooks: boolean; pipes: number },
  ): ChildProcess
}

export class GitFailed extends Error {
  readonly exit: number | string | undefined
  /** What git wrote to stderr. */
  readonly said: string
  constructor(command: string, exit: number | string | undefined, said: string, cause: unknown) {
    super(`git ${command} failed (${exit ?? 'killed'}): ${said.trim() || 'without a word'}`, { cause })
    this.exit = exit
    this.said = said
  }
}

/**
 * The `git` binary, deaf to the configuration of the machine and of its user. What must hold is set on the command
 * line, where no repository's own config can weaken it.
 */
export function createGit({ home, hooks, limits }: { home: string; hooks: string; limits: Limits }): Git {
  const base = environment(home)
  const quiet = [...settings(limits), '-c', 'core.hooksPath=/dev/null']
  const hooked = [...settings(limits), '-c', `core.hooksPath=${hooks}`]
  return {
    run(args, { at, env, input, limit = 64 * 1024 * 1024 } = {}) {
      return new Promise((resolve, reject) => {
        const child = execFile(
          'git',
          [...quiet, ...args],
          { env: { ...base, ...(at && { GIT_DIR: at }), ...env }, encoding: 'buffer', maxBuffer: limit },
          (error, stdout, stderr) => {
            if (error) reject(new GitFailed(args[0] ?? '', error.code ?? undefined, stderr.toString(), error))
            else resolve(stdout)
          },
        )
        // A git that ends early closes its stdin; its exit status tells why.
        child.stdin?.on('error', () => {})
        child.stdin?.end(input)
      })
    },
    start: (args, { env, hooks, pipes }) =>
      spawn('git', [...(hooks ? hooked : quiet), ...args], {
        env: { ...base, ...env },
        stdio: Array.from({ length: 3 + pipes }, () => 'pipe' as const),
        detached: true,
      }),
  }
}

function environment(home: string): Record<string, string> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: home,
    LC_ALL: 'C.UTF-8',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_LITERAL_PATHSPECS: '1',
    // No transport at all: nothing of ours fetches from elsewhere.
    GIT_ALLOW_PROTOCOL: 'none',
    GIT_OPTIONAL_LOCKS: '0',
  }
}

const settings = (limits: Limits): string[] =>
  Object.entries({
    'transfer.fsckObjects': 'true',
    'receive.fsckObjects': 'true',
    // Git only mentions these two; a clone of another program may read them in another way.
    'receive.fsck.gitmodulesParse': 'error',
    'receive.fsck.badFilemode': 'error',
    'receive.denyNonFastForwards': 'false',
    'receive.maxInputSize': String(limits.push),
    'receive.advertisePushOptions': 'true',
    // Always index-pack: it holds a bounded part of a big blob in memory, and one pack is one sync.
    'receive.unpackLimit': '1',
    'core.bigFileThreshold': '1m',
    'receive.autogc': 'false',
    // All of them are moved by the platform, in one transaction.
    'receive.procReceiveRefs': 'refs',
    'core.fsync': 'all',
    'core.fsyncMethod': 'fsync',
    // Who moved a branch is read from its log when we were killed before we could say it.
    'core.logAllRefUpdates': 'true',
    // Former states stay readable: a node is compared with the commit that was applied to it.
    'gc.reflogExpire': 'never',
    'gc.reflogExpireUnreachable': 'never',
    'gc.autoDetach': 'false',
    'protocol.allow': 'never',
    'safe.bareRepository': 'all',
    'http.receivepack': 'true',
  }).flatMap(([key, value]) => ['-c', `${key}=${value}`])
