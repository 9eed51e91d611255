import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type Type from 'typebox'
import { Compile } from 'typebox/compile'
import Value from 'typebox/value'
import type { Log } from '#kit/log.ts'
import { Problem } from '#kit/problem.ts'
import { firstInexactNumber } from '#language'
import { answerRoute } from './answer.ts'
import { checkBrowser } from './browser.ts'
import { modelNames, modelOf, openapi, schemaOf } from './document.ts'
import { refuseTokenInQuery } from './guard.ts'
import { notThere } from './methods.ts'
import { misfit } from './misfit.ts'
import { errorHandler, ofFastify, sendProblem } from './problems.ts'
import type { Context, Route } from './route.ts'
import { routes } from './routes.ts'

const BODY_LIMIT = 1024 * 1024

export interface AppOptions {
  context: Context
  log: Log
  allowedHosts: readonly string[]
  /** Aborts when the server stops: open streams end. */
  closing: AbortSignal
}

/** The whole API, not listening yet. */
export async function createApp({
  context,
  log,
  allowedHosts,
  closing,
}: AppOptions): Promise<FastifyInstance> {
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: 200, caseSensitive: true },
    // What the router itself refuses, such as an escape in the address that is none.
    frameworkErrors: (error, request, reply) => sendProblem(reply, ofFastify(error, request)),
  })
  app.removeContentTypeParser('text/plain')
  readJsonExactly(app)
  app.setValidatorCompiler(({ schema, httpPart }) => validator(schema as Type.TSchema, httpPart))
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  app.setErrorHandler(errorHandler(log))
  app.setNotFoundHandler((request, reply) => sendProblem(reply, notThere(request)))
  app.addHook('onRequest', async (request) => {
    checkBrowser(request, allowedHosts)
    refuseTokenInQuery(request.query)
  })
  app.addHook('onSend', safeHeaders)
  for (const name of modelNames) app.addSchema(modelOf(name))
  await app.register(swagger, openapi)
  const serve = (scope: FastifyInstance, served: readonly Route[]) => {
    for (const route of served)
      scope.route({
        method: route.method,
        url: route.path,
        schema: schemaOf(route),
        ...answerRoute(route, context, closing),
      })
  }
  await app.register(async (scope) =>
    serve(
      scope,
      routes.filter(({ raw }) => !raw),
    ),
  )
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    serve(
      scope,
      routes.filter(({ raw }) => raw),
    )
  })
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  return app
}

/** A number that would be rounded is refused: what is stored is what was sent. */
function readJsonExactly(app: FastifyInstance): void {
  const standard = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const number = inexactNumber(body as string)
    if (number === undefined) return standard(request, body as string, done)
    const reason = `the number ${number} is too large to be kept exactly: write it in quotes`
    done(new Problem('invalid', { reason }))
  })
}

/** What is no JSON is for the parser to say. */
function inexactNumber(text: string): string | undefined {
  try {
    return firstInexactNumber(text)
  } catch {
    return undefined
  }
}

async function safeHeaders(_: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.headers({
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  })
}

/** Values of paths and queries arrive as text and are converted; a body must fit as it is. */
function validator(schema: Type.TSchema, part: string | undefined) {
  const check = Compile(schema)
  // The rest of an address, `*`, is text as it is; the library takes its name for a pattern.
  const converts =
    part !== 'body' && !Object.hasOwn((schema as { properties?: object }).properties ?? {}, '*')
  return (data: unknown) => {
    const value = converts ? Value.Convert(schema, data) : data
    if (check.Check(value)) return { value }
    return { error: misfit(schema, check.Errors(value), part, value) }
  }
}
