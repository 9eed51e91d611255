/** What the API refuses with (RFC 9457): a sentence, a code and what to do next. */
export interface ProblemDocument {
  status: number
  code: string
  detail: string
  next: string
  [key: string]: unknown
}

export class ApiProblem extends Error {
  readonly problem: ProblemDocument
  constructor(problem: ProblemDocument) {
    super(problem.detail)
    this.name = 'ApiProblem'
    this.problem = problem
  }
  get status(): number {
    return this.problem.status
  }
  get code(): string {
    return this.problem.code
  }
  get next(): string {
    return this.problem.next
  }
}

/** No answer at all: wrong address, nothing listens, the line is cut. */
export class Unreachable extends Error {
  readonly address: string
  constructor(address: string, cause: unknown) {
    super(`${address} does not answer: ${reasonOf(cause)}`, { cause })
    this.name = 'Unreachable'
    this.address = address
  }
}

/** fetch says "fetch failed" and hides the reason in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  return error.cause === undefined ? error.message : reasonOf(error.cause)
}

/** An answer that is not ours: a proxy, or another program on that port. */
export function problemOf(response: Response, body: unknown): ProblemDocument {
  const document = body as Partial<ProblemDocument> | null | undefined
  if (
    typeof document === 'object' &&
    typeof document?.code === 'string' &&
    typeof document.detail === 'string'
  )
    return document as ProblemDocument
  return {
    status: response.status,
    code: 'foreign',
    detail: `${new URL(response.url).origin} answers ${response.status}, but not like a devo.ps server`,
    next: 'Check the address of the server.',
  }
}
