import { nearest } from '#language/nearest.ts'
import { type Failure, wrongUsage } from './failure.ts'

/** `, did you mean web?`, or nothing when no name is near. */
export function didYouMean(given: string, names: Iterable<string>): string {
  const near = nearest(given, names)
  return near === undefined ? '' : `, did you mean ${near}?`
}

/** `There is no act stp, did you mean stop?` */
export function noSuchWord(what: string, given: string, allowed: readonly string[]): Failure {
  const hint = didYouMean(given, allowed) || '.'
  return wrongUsage(`There is no ${what} \`${given}\`${hint}`, `There are: ${allowed.join(', ')}.`)
}

/** Throws when a word is none of those that an argument or an option takes. */
export function oneOf<T extends string>(what: string, given: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === given)
  if (found === undefined) throw noSuchWord(what, given, allowed)
  return found
}

/** Throws when a new variable or secret cannot be written in a template by this name. */
export function newWord(what: string, given: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(given)) return given
  throw wrongUsage(
    `\`${given}\` cannot be the name of a ${what}.`,
    'A name is letters, digits and _, and does not begin with a digit.',
  )
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/

/** Throws when a new name of a user, a repository or the like cannot be one. */
export function newName(what: string, given: string): string {
  if (NAME.test(given)) return given
  throw wrongUsage(
    `\`${given}\` cannot be the name of a ${what}.`,
    'A name is letters, digits, - and _, at most 63, and begins with a letter or a digit.',
  )
}
