import { spawn } from 'node:child_process'
import { CommanderError } from 'commander'
import { explain } from './failure.ts'
import type { Io } from './io.ts'
import { buildProgram } from './program.ts'
import { createSession } from './session.ts'

export type { Io } from './io.ts'

/** Runs one command; resolves to the exit code: 0 ok, 1 failed, 2 wrong usage, 130 interrupted. */
export async function runCli(argv: readonly string[], given: Io): Promise<number> {
  const io: Io = { exec, onInterrupt, ...given }
  try {
    const session = createSession(io, argv)
    await buildProgram(session).parseAsync([...argv], { from: 'user' })
    return session.code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const { text, exit } = explain(error)
    io.stderr.write(text)
    return exit
  }
}

const exec = (command: string, args: string[]): Promise<number> =>
  new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: 'inherit' })
    child.once('error', fail)
    child.once('exit', (code) => done(code ?? 1))
  })

function onInterrupt(act: () => void): () => void {
  process.once('SIGINT', act)
  return () => process.off('SIGINT', act)
}
