/** Bounds on what a client can make us hold or wait for. */
export interface Limits {
  /** Bytes of one push. */
  push: number
  /** Refs that one push may name. */
  refs: number
  /** Milliseconds that one push or fetch may take. */
  time: number
  /** Descriptor files (below nodes, tasks, scripts, services) in one commit. */
  files: number
  /** Bytes of one descriptor file. */
  file: number
  /** Bytes of all descriptor files together. */
  total: number
  /** Milliseconds that a push waits for a plan. */
  plan: number
  /** Milliseconds that the judging of descriptors may take. */
  judge: number
  /** MiB that a process which judges descriptors may use. */
  memory: number
}

export const defaultLimits: Limits = {
  push: 100 * 1024 * 1024,
  refs: 5000,
  time: 10 * 60 * 1000,
  files: 5000,
  file: 1024 * 1024,
  total: 16 * 1024 * 1024,
  plan: 5000,
  judge: 30_000,
  memory: 1024,
}
