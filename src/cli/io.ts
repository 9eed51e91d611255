import type { Finding } from '#contracts/descriptors.ts'

export interface Output {
  write(text: string): unknown
  isTTY?: boolean
  /** Width of the terminal. */
  columns?: number
}

/** One look of the doctor. */
export interface Check {
  check: string
  state: 'good' | 'warning' | 'bad'
  says: string
  advice: string | null
}

export type Input = NodeJS.ReadableStream & { isTTY?: boolean }

export interface ServerOptions {
  data?: string
  host?: string
  port?: number
  sshPort?: number
  gitPort?: number
  tokenFile?: string
  allowedHosts?: string[]
  allowedAddresses?: string[]
  /** What nodes may ask of the platform's own Docker engine. */
  docker?: { for?: string[]; images?: string[]; ports?: string[]; networks?: string[] }
}

/** All that a command may touch. What lies outside this room is injected by `bin`. */
export interface Io {
  stdout: Output
  stderr: Output
  stdin: Input
  env: NodeJS.ProcessEnv
  home: string
  cwd: string
  fetch?: typeof globalThis.fetch
  now?: () => number
  /** Of the program, as package.json has it. */
  version?: string
  /** Runs the platform until a signal. */
  server?: (options: ServerOptions) => Promise<void>
  /** Looks at an installation, and changes nothing. */
  doctor?: (options: ServerOptions & { backups?: string }) => Promise<Check[]>
  /** Gives a platform that does not run another master key. `file`: where it is; null: in the environment. */
  rekey?: (data: string | undefined) => Promise<{ renewed: number; file: string | null }>
  /** What a push of the repository that this folder is in would be told; no root: there is none. */
  validate?: (folder: string) => Promise<{ root: string | undefined; findings: Finding[] }>
  /** JSON Schemas of descriptors by kind, for the repository in a folder. */
  schemas?: (folder: string) => Promise<object>
  /** Runs a program on this terminal; resolves to its exit code. */
  exec?: (command: string, args: string[]) => Promise<number>
  /** Calls `act` at Ctrl-C; returns its undo. */
  onInterrupt?: (act: () => void) => () => void
}
