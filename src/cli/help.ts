import { Readable } from 'node:stream'
import type { Command } from 'commander'
import { buildProgram } from './program.ts'
import { createSession } from './session.ts'

/** The tree of commands with nothing behind it, for documentation. */
export function commandTree(): Command {
  const silent = { write() {} }
  return buildProgram(
    createSession({
      stdout: silent,
      stderr: silent,
      stdin: Readable.from([]),
      env: {},
      home: '/nonexistent',
      cwd: '/',
    }),
  )
}
