import { type ProblemCode, problems } from '#contracts/problems.ts'

export interface ProblemJson {
  code: ProblemCode
  data: Record<string, unknown>
  message: string
}

/** An error with a code of the table in `contracts/problems.ts`; crosses the bus and HTTP intact (RFC 9457). */
export class Problem extends Error {
  readonly code: ProblemCode
  readonly data: Record<string, unknown>

  constructor(code: ProblemCode, data: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(sentence(problems[code][1], data), options)
    this.name = 'Problem'
    this.code = code
    this.data = data
  }

  get status(): number {
    return problems[this.code][0]
  }

  /** What the reader can do about it. */
  get next(): string {
    const next: string | Readonly<Record<string, string>> = problems[this.code][2]
    const { kind } = this.data
    const chosen = typeof next === 'string' ? next : (next[String(kind)] ?? Object.values(next).join(' '))
    return sentence(chosen, this.data)
  }

  toJSON(): ProblemJson {
    return { code: this.code, data: this.data, message: this.message }
  }

  static from(json: ProblemJson): Problem {
    return new Problem(json.code, json.data)
  }

  /** Any thrown value as a problem; what is not one becomes `disk_full` or `internal`, with the original as cause. */
  static of(error: unknown): Problem {
    if (error instanceof Problem) return error
    if (isNoRoom(error)) return new Problem('disk_full', {}, { cause: error })
    const reason = error instanceof Error ? error.message : String(error)
    return new Problem('internal', { reason }, { cause: error })
  }
}

/** Of the system (ENOSPC, EDQUOT), of SQLite (SQLITE_FULL, SQLITE_IOERR_SHMSIZE), or what came of that. */
export function isNoRoom(error: unknown): boolean {
  if (isProblem(error)) return error.code === 'disk_full'
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown }
  return code === 'ENOSPC' || code === 'EDQUOT' || errcode === 13 || errcode === 4874
}

export const isProblem = (error: unknown, code?: ProblemCode): error is Problem =>
  error instanceof Problem && (code === undefined || error.code === code)

function sentence(template: string, data: Record<string, unknown>): string {
  return template.replace(/\{(\w+)\}/g, (_, key: string) => String(data[key] ?? '?'))
}
