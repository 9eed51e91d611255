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

/** What fastify itself refuses, in our words. */
const refusals: Record<string, string> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'the body must be JSON, sent with `Content-Type: application/json`',
  FST_ERR_CTP_BODY_TOO_LARGE: 'the body is larger than 1 MiB',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'the body is empty, but its content type says JSON',
}

export function sendProblem(reply: FastifyReply, problem: Problem, status = problem.status): FastifyReply {
  const { seconds } = problem.data
  if (problem.code === 'too_many') reply.header('retry-after', String(seconds))
  if (problem.code === 'method') reply.header('allow', 'POST')
  return reply
    .code(status)
    .type('application/problem+json')
    .send({
      ...problem.data,
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
    const problem = ofFastify(error)
    const status = error instanceof Problem ? problem.status : (error.statusCode ?? problem.status)
    if (status >= 500) log.error({ err: error, url: request.url.split('?')[0] }, problem.message)
    return sendProblem(reply, problem, status)
  }

function ofFastify(error: FastifyError): Problem {
  if (error instanceof Problem) return error
  if (error.statusCode === undefined || error.statusCode >= 500) return Problem.of(error)
  return new Problem('invalid', { reason: refusals[error.code] ?? error.message }, { cause: error })
}

/** `not_found` -> `Not found` */
const title = (code: ProblemCode) => `${code[0]?.toUpperCase()}${code.slice(1).replaceAll('_', ' ')}`
