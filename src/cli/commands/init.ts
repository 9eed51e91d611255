import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { examples } from '../command.ts'
import type { Session } from '../session.ts'

export function init(program: Command, session: Session): void {
  const command = program
    .command('init [dir]')
    .description(
      'make a repository with a first node, a first task and schemas for editors; keeps files that are there',
    )
    .action(async (dir: string | undefined) => {
      const folder = resolve(session.io.cwd, dir ?? '.')
      const schemas = Object.entries((await session.io.schemas?.(folder)) ?? {})
      const at = schemas.length > 0 ? '../.devops/schemas/' : `${session.server}/v1/schemas/`
      const done: { path: string; wrote: boolean }[] = []
      for (const [path, text] of Object.entries(files(at))) {
        const file = join(folder, path)
        const kept = existsSync(file)
        if (!kept) write(file, text)
        done.push({ path, wrote: !kept })
      }
      // Always anew: they are those of this program's catalog.
      for (const [kind, schema] of schemas) {
        const path = `.devops/schemas/${kind}.json`
        write(join(folder, path), `${JSON.stringify(schema, null, 2)}\n`)
        done.push({ path, wrote: true })
      }
      const made = !isRepository(folder)
      if (made) {
        execFileSync('git', ['init', '-q', '-b', 'main'], { cwd: folder })
      }
      const lines = done.map(({ path, wrote }) => `${wrote ? 'wrote' : 'kept '}  ${path}\n`).join('')
      session.answer(
        { folder, files: done, repository: made },
        `${lines}${made ? 'made   a Git repository, branch main\n' : ''}`,
      )
      const place = relative(session.io.cwd, folder)
      session.note(`Check it with \`devops validate${place ? ` ${place}` : ''}\`; then commit and push.\n`)
    })
  examples(command, 'devops init shop')
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text, file.endsWith('.sh') ? { mode: 0o755 } : {})
}

/** A folder within another repository is none of its own: descriptors stand at the top, and what is pushed is all of it. */
function isRepository(folder: string): boolean {
  try {
    const prefix = execFileSync('git', ['rev-parse', '--show-prefix'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return prefix.toString().trim() === ''
  } catch {
    return false
  }
}

/** `schemas`: where editors find the JSON Schemas, seen from a file of `nodes/` or `tasks/`. */
const files = (schemas: string): Record<string, string> => ({
  'nodes/web.yml': `# yaml-language-server: $schema=${schemas}node.json
id: web
name: First web server
type: server

# \`docker\` makes a container that is handled like a small server. For a machine that you have: \`name: ssh\`,
# push, then \`devops link web\`.
provider:
  name: docker

services:
  nginx: '*'

configuration:
  nginx:
    http:
      gzip: 'on'
`,
  'tasks/hello.yml': `# yaml-language-server: $schema=${schemas}task.json
id: hello
name: Says hello from the web server
type: task

targets: [web]

steps:
  - run: echo "Hello from {{ web.ip }}"
  - run: devops scripts/uptime.sh
`,
  'scripts/uptime.sh': `#!/bin/sh
set -eu
uptime
`,
  'README.md': `# Infrastructure

Servers are files in \`nodes/\`, jobs are files in \`tasks/\`, their scripts are in \`scripts/\`. A push makes servers match.

\`\`\`
devops validate       # what a push would be told
git push              # refused with file, line and reason, or carried out
devops status         # how it goes
devops run hello      # runs a task
\`\`\`
`,
})
