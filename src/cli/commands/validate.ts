import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { examples } from '../command.ts'
import { Failure } from '../failure.ts'
import type { Io } from '../io.ts'
import type { Session } from '../session.ts'
import { count } from '../text.ts'

/** Nothing to judge is a failure: it must not look like a repository without faults. */
async function judge(session: Session, ask: NonNullable<Io['validate']>, folder: string) {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new Failure(`There is no folder ${folder}.`)
  const { root, findings } = await ask(folder)
  if (root === undefined)
    throw new Failure(
      `There is nothing to validate in ${folder}: no nodes/, tasks/, scripts/ or services/ in it or above it.`,
      'Go to the clone of your repository, or begin one with `devops init`.',
    )
  if (root !== folder) session.note(`Checking ${root}\n`)
  return findings
}

export function validate(program: Command, session: Session): void {
  const command = program
    .command('validate [dir]')
    .description('check descriptors as a push would, without a server; exits 1 when they would be refused')
    .option('--json', 'print JSON')
    .action(async (dir: string | undefined, { json }: { json?: boolean }) => {
      if (!session.io.validate) throw new Failure('This program cannot read the catalog.')
      // Loaded here only: every other command starts in half the time without it.
      const { formatFindings } = await import('#language')
      const folder = resolve(session.io.cwd, dir ?? '.')
      const findings = await judge(session, session.io.validate, folder)
      const errors = findings.filter(({ severity }) => severity === 'error').length
      if (errors > 0) session.exit(1)
      if (json) return session.printJson(findings)
      for (const line of formatFindings(findings)) session.print(`${line}\n`)
      const warnings = findings.length - errors
      const more = warnings > 0 ? `${count(warnings, 'warning')}` : ''
      if (errors > 0)
        session.print(`${count(errors, 'error')}${more && `, ${more}`}: a push would be refused.\n`)
      else session.print(`${more || 'No findings'}: a push would be accepted.\n`)
    })
  examples(command, 'devops validate', 'devops validate examples/shop')
}
