import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { Problem } from './problem.ts'

const KEY_BYTES = 32

/** The newest first: it seals. The others open what was sealed before, while a change of the key is unfinished. */
export type Keys = readonly [Buffer, ...Buffer[]]

/** Where the key waits that will take the place of the one in `file`. */
export const nextFile = (file: string): string => `${file}.next`

/**
 * From DEVOPS_MASTER_KEY (32 bytes in base64; what it replaces is DEVOPS_MASTER_KEY_OLD), else from `file`, mode 0600.
 * Undefined when there is none. Throws `internal` for a file that others can read, or that holds no key.
 */
export function findKeys(file: string, env: NodeJS.ProcessEnv): Keys | undefined {
  const { DEVOPS_MASTER_KEY: given, DEVOPS_MASTER_KEY_OLD: old } = env
  if (given !== undefined) {
    const older = old === undefined ? [] : [decode(old, 'DEVOPS_MASTER_KEY_OLD')]
    return [decode(given, 'DEVOPS_MASTER_KEY'), ...older]
  }
  const [newest, ...older] = [nextFile(file), file].filter((name) => existsSync(name)).map(readKey)
  return newest && [newest, ...older]
}

/** Whole or not at all: half a key would keep the platform from starting. */
export function makeKey(file: string): Buffer {
  const key = randomBytes(KEY_BYTES)
  const draft = `${file}.draft`
  rmSync(draft, { force: true })
  const handle = openSync(draft, 'wx', 0o600)
  try {
    writeSync(handle, `${key.toString('base64')}\n`)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(draft, file)
  return key
}

function readKey(file: string): Buffer {
  const handle = openSync(file, 'r')
  try {
    const mode = fstatSync(handle).mode & 0o777
    if ((mode & 0o077) !== 0)
      throw new Problem('internal', {
        reason: `the master key ${file} can be read by others (mode ${mode.toString(8)}): run \`chmod 600 ${file}\``,
      })
    return decode(readFileSync(handle, 'utf8'), file)
  } finally {
    closeSync(handle)
  }
}

function decode(text: string, where: string): Buffer {
  const key = Buffer.from(text.trim(), 'base64')
  if (key.length !== KEY_BYTES)
    throw new Problem('internal', {
      reason: `the master key in ${where} must be ${KEY_BYTES} bytes in base64: \`openssl rand -base64 32\``,
    })
  return key
}
