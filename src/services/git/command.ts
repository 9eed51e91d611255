import { type Program, programs } from './access.ts'
import { repoOfAddress } from './names.ts'

export interface GitCommand {
  program: Program
  repo: string
}

/**
 * `git-receive-pack 'ann/infra.git'`, as git clients send it, and nothing else: three programs, one argument, quoted or
 * not, no shell anywhere.
 */
export function parseCommand(line: string): GitCommand | undefined {
  const match = /^git[- ]([a-z-]+) (?:'([^']*)'|"([^"]*)"|([^\s'"]+))$/.exec(line)
  if (!match) return undefined
  const program = programs.find((one) => one === match[1])
  const repo = repoOfAddress(match[2] ?? match[3] ?? match[4] ?? '')
  return program && repo ? { program, repo } : undefined
}
