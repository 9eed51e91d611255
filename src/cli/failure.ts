import { ApiProblem, Unreachable } from '#client'
import { printable } from './text.ts'

/** An end that is no success, said in a sentence, with what to do next. `exit` 1: it failed; 2: asked wrongly. */
export class Failure extends Error {
  readonly exit: 1 | 2
  readonly next: string | undefined
  constructor(message: string, next?: string, exit: 1 | 2 = 1) {
    super(message)
    this.name = 'Failure'
    this.next = next
    this.exit = exit
  }
}

export const wrongUsage = (message: string, next?: string) => new Failure(message, next, 2)

/** What is printed of any error. */
export function explain(error: unknown): { text: string; exit: number } {
  if (error instanceof Failure) return { text: lines(error.message, error.next), exit: error.exit }
  if (error instanceof Unreachable)
    return {
      text: lines(
        `${error.message}.`,
        'Start a server with `devops server`, or name another with `devops login --server URL` or DEVOPS_SERVER.',
      ),
      exit: 1,
    }
  if (error instanceof ApiProblem) return { text: lines(error.message, error.next, findings(error)), exit: 1 }
  return { text: lines(error instanceof Error ? error.message : String(error)), exit: 1 }
}

/** A refusal of descriptors carries what is wrong with them. */
const findings = ({ problem }: ApiProblem): string[] =>
  Array.isArray(problem.findings) ? problem.findings.map(String) : []

const lines = (message: string, next?: string, details: readonly string[] = []): string =>
  [
    `error: ${printable(message)}`,
    ...details.map((detail) => `  ${printable(detail)}`),
    ...(next ? [`  ${printable(next)}`] : []),
  ]
    .map((line) => `${line}\n`)
    .join('')
