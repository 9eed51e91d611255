import { ApiProblem, Unreachable } from '#client'
import { printable } from './text.ts'

/** An end that is no success, said in a sentence, with what to do next. `exit` as in exits.ts: 255 is that of ssh. */
export class Failure extends Error {
  readonly exit: 1 | 2 | 255
  readonly next: string | undefined
  constructor(message: string, next?: string, exit: 1 | 2 | 255 = 1) {
    super(message)
    this.name = 'Failure'
    this.next = next
    this.exit = exit
  }
}

export const wrongUsage = (message: string, next?: string) => new Failure(message, next, 2)

/** An error for programs: what `--json` prints to stderr. */
interface ErrorJson {
  message: string
  next?: string
  /** Of a refusal of the server: its code and status, as the API answers. */
  code?: string
  status?: number
  findings?: string[]
  exit: number
}

/** What is printed of any error. */
export function explain(error: unknown): { text: string; json: ErrorJson; exit: number } {
  if (error instanceof Failure) return told(error, error.exit, error.next)
  if (error instanceof Unreachable)
    return told(
      new Error(`${error.message}.`),
      1,
      'Start a server with `devops server`, or name another with `devops login --server URL` or DEVOPS_SERVER.',
    )
  if (!(error instanceof ApiProblem))
    return told(error instanceof Error ? error : new Error(String(error)), 1, undefined)
  const { text, json, exit } = told(error, 1, error.next, findings(error))
  const { code, status } = error
  return { text, exit, json: { ...json, code, status } }
}

function told(
  { message }: Error,
  exit: number,
  next: string | undefined,
  details: readonly string[] = [],
): ReturnType<typeof explain> {
  const json = {
    message,
    ...(next !== undefined && { next }),
    ...(details.length > 0 && { findings: [...details] }),
    exit,
  }
  return { text: lines(message, next, details), json, exit }
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
