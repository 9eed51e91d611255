import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { runCli } from '../src/cli/index.ts'

/** Who reads has had enough, as `head` does: no failure. A platform goes on whoever reads what it prints, and when nobody can. */
let serves = false
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (serves) return
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

/** What is packed has a copy of package.json at the same place. */
const { version } = JSON.parse(readFileSync(`${import.meta.dirname}/../package.json`, 'utf8'))

/** The platform's parts are loaded by the commands that need them: the others start in a fraction of the time. */
process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  home: homedir(),
  cwd: process.cwd(),
  version,
  server: async (options) => {
    const { serve } = await import('./server.ts')
    serves = true
    await serve(options, console.log)
  },
  doctor: async (options) => {
    const { examine } = await import('./doctor/index.ts')
    return examine(options)
  },
  rekey: async (data) => {
    const [{ rekey }, { defaultData }] = await Promise.all([import('./rekey.ts'), import('./server.ts')])
    return rekey(data ?? defaultData())
  },
  validate: async (folder) => {
    const { validateFolder } = await import('./validate.ts')
    return validateFolder(folder)
  },
  schemas: async (folder) => {
    const { schemasFor } = await import('./validate.ts')
    return schemasFor(folder)
  },
})
