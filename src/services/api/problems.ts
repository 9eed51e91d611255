import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { ProblemCode } from '#contracts/problems.ts'
import type { Log } from '#kit/log.ts'
import { Problem } from '#kit/problem.ts'

/** RFC 9457, with `code` and `next` of our table. Further members are the problem's data. */
export const ProblemDocument = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String(),
    next: Type.String(),
  },
  { additionalProperties: true },
)

/** What fastify itself refuses, as rows of the table. */
const refusals: Record<string, (request: FastifyRequest) => Problem> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ({ headers }) =>
    new Problem('media_type', {
      reason: `a body of type ${JSON.stringify(headers['content-type'] ?? '')} instead of application/json`,
    }),
  FST_ERR_CTP_BODY_TOO_LARGE: () => new Problem('too_large', { what: 'the body', limit: '1 MiB' }),
  FST_ERR_BAD_URL: () => new Problem('invalid', { reason: 'the address has an escape (%) that is none' }),
  FST_ERR_CTP_EMPTY_JSON_BODY: () =>
    new Problem('invalid', { reason: 'the body is empty, but its content type says JSON' }),
}

/** Seconds after which it makes sense to ask again what could not be answered now. */
const TRY_AGAIN = 10

export function sendProblem(reply: FastifyReply, problem: Problem, status = problem.status): FastifyReply {
  // Which contract of the bus was broken is for the log.
  const { contract: _, ...shown } = problem.data
  const { seconds } = shown
  if (problem.code === 'too_many') reply.header('retry-after', String(seconds))
  else if (status === 503) reply.header('retry-after', String(TRY_AGAIN))
  if (problem.code === 'method') reply.header('allow', String(problem.data.allow))
  return reply
    .code(status)
    .type('application/problem+json')
    .send({
      ...shown,
      type: `https://devo.ps/problems/${problem.code}`,
      title: title(problem.code),
      status,
      detail: problem.message,
      code: problem.code,
      next: problem.next,
    })
}

export const errorHandler =
  (log: Log) => (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
    const problem = ofFastify(error, request)
    const { status } = problem
    // Who watches asks often, and what is wrong has its own entries.
    if (status >= 500 && problem.code !== 'not_ready')
      log.error({ err: error, url: request.url.split('?')[0] }, problem.message)
    return sendProblem(reply, problem)
  }

/** An error of the server library as a row of the table. */
export function ofFastify(error: FastifyError, request: FastifyRequest): Problem {
  if (error instanceof Problem) return error
  const refusal = refusals[error.code]
  if (refusal) return refusal(request)
  if (error.statusCode === undefined || error.statusCode >= 500) return Problem.of(error)
  return new Problem('invalid', { reason: error.message }, { cause: error })
}

/** `not_found` -> `Not found` */
const title = (code: ProblemCode) => `${code[0]?.toUpperCase()}${code.slice(1).replaceAll('_', ' ')}`
