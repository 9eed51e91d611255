import { Problem } from '#kit/problem.ts'
import type { Tree } from './fields.ts'
import { explain, Templates, textOf } from './templates.ts'
import { show } from './text.ts'

/** Letters, digits, spaces and marks that neither end a string nor begin a command in Python, Ruby, Perl or JavaScript. */
const HARMLESS = /^[\p{L}\p{N} _.,:/@+=-]*$/u

/** Lists and maps become JSON, whose own marks are no harm. */
const isHarmless = (value: unknown): boolean =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).every(([key, item]) => HARMLESS.test(key) && isHarmless(item))
    : HARMLESS.test(textOf(value))

const programs = new Templates((value) => {
  const text = textOf(value)
  if (isHarmless(value)) return text
  throw new Problem('invalid', {
    reason: `the value ${show(text)} could change a program that it is put into: give it in env, and read it from there`,
  })
})

/**
 * A template of a program that is no shell script. Nobody knows how its language quotes, so a value that holds more than
 * harmless characters is refused. Throws `invalid`.
 */
export const renderProgram = (text: string, scope: Tree): string =>
  explain(text, scope, () => {
    try {
      return String(programs.liquid.renderSync(programs.parse(text), programs.context(scope)) ?? '')
    } catch (error) {
      throw problemIn(error) ?? error
    }
  })

/** The engine wraps what an output throws. */
function problemIn(error: unknown): Problem | undefined {
  for (
    let at = error;
    at instanceof Error;
    at = (at as { originalError?: unknown }).originalError ?? at.cause
  )
    if (at instanceof Problem) return at
  return undefined
}
