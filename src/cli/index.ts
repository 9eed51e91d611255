import { spawn } from 'node:child_process'
import { CommanderError } from 'commander'
import { explain } from './failure.ts'
import type { Io } from './io.ts'
import { buildProgram } from './program.ts'
import { createSession, wantsJson } from './session.ts'
import { explainUsage, helpAsked } from './usage.ts'

export type { Io } from './io.ts'

/** Runs one command; resolves to the exit code: see exits.ts. */
export async function runCli(argv: readonly string[], given: Io): Promise<number> {
  const io: Io = { exec, onInterrupt, ...given }
  try {
    return await runWords(argv, io)
  } catch (error) {
    const { text, json, exit } = explain(error)
    io.stderr.write(wantsJson(argv) ? `${JSON.stringify({ error: json })}\n` : text)
    return exit
  }
}

async function runWords(argv: readonly string[], io: Io): Promise<number> {
  const session = createSession(io, argv)
  const program = buildProgram(session)
  const asked = helpAsked(program, argv)
  if (asked) {
    asked.outputHelp()
    return 0
  }
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return session.code
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Help that was asked for, or that stands in place of a missing command, is printed already.
    if (error.exitCode === 0) return 0
    if (error.code === 'commander.help') return 2
    throw await explainUsage(error, program, session)
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
