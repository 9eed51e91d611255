/** One node, entered. Each `exec` is a session of its own on the kept link; after a cut the next one enters anew. */
export interface Connection {
  /**
   * Runs a shell line. A stream that has a callback is not collected; a callback that returns a promise holds the
   * stream back until it resolves. `code` is null when a signal ended the command.
   * Throws `unreachable` (also when the link is cut before the end: what ran may go on), `host_key`, `cancelled`.
   */
  exec(command: string, options?: ExecOptions): Promise<ExecResult>
  readonly target: Target
}

export interface Target {
  node: string
  host: string
  port: number
  user: string
}

export interface ExecOptions {
  /** One that is still being made is waited for in the open session; when it fails, the input ends and this throws. */
  stdin?: string | Uint8Array | Promise<string | Uint8Array>
  onStdout?(chunk: Buffer): void | Promise<void>
  onStderr?(chunk: Buffer): void | Promise<void>
  signal?: AbortSignal
  /** An abort ends the session but not the command: it may go on until it wants to print. */
  leave?: boolean
  /** Keeps a session of the same command waiting for its input, for the next one: its shell and its sudo are there then. */
  warm?: boolean
  /** By a new link of its own, to see whether one gets in. */
  fresh?: boolean
}

export interface ExecResult {
  code: number | null
  stdout: string
  stderr: string
}
