import { isProblem, Problem, type ProblemJson } from '#kit/problem.ts'
import { NotLinked } from './providers/ssh.ts'
import { NotYet } from './wish.ts'

export interface Failure {
  error: { code: string; message: string }
  /** Whether the same attempt may go better later. */
  retry: boolean
}

/** Of resources that could not be applied. Mirrors are away for a while, disks are emptied: trying again may help. */
export class NotApplied extends Error {
  /** Trying again would only shut us out again. */
  readonly final: boolean

  constructor(message: string, final = false) {
    super(message)
    this.final = final
  }
}

export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof NotYet) return { error: { code: 'unresolved', message: thrown.message }, retry: true }
  if (thrown instanceof NotLinked)
    return { error: { code: 'unlinked', message: thrown.message }, retry: true }
  if (thrown instanceof NotApplied)
    return { error: { code: 'not_applied', message: thrown.message }, retry: !thrown.final }
  const problem = Problem.of(thrown)
  return { error: { code: problem.code, message: problem.message }, retry: mayPass(problem) }
}

/** What is needed is to come: nothing failed. */
export const isAwaited = (thrown: unknown): boolean => thrown instanceof NotYet || thrown instanceof NotLinked

/** What a person has to see to first is not tried again. */
function mayPass({ code, data }: Pick<ProblemJson, 'code' | 'data'>): boolean {
  if (code === 'provider') return data.kind === 'retry'
  return ![
    'invalid',
    'login_refused',
    'host_key',
    'sudo_refused',
    'no_systemd',
    'fenced',
    'not_found',
    'refused',
    'plan_moved',
    'unagreed',
  ].includes(code)
}

export const isUnreachable = (error: unknown): error is Problem => isProblem(error, 'unreachable')

/** Another machine at its address counts too: addresses of a provider are given to the next one. */
export const isAway = (error: unknown): error is Problem =>
  isUnreachable(error) || isProblem(error, 'host_key')
