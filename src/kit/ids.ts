import { randomBytes } from 'node:crypto'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** A sortable id: 9 characters of time (milliseconds, Crockford base 32), 10 of chance (50 bits). */
export function newId(now: number = Date.now()): string {
  return timeIn(now) + Array.from(randomBytes(10), (byte) => ALPHABET[byte % 32]).join('')
}

function timeIn(now: number): string {
  let time = ''
  for (let rest = now, i = 0; i < 9; i++, rest = Math.floor(rest / 32)) time = ALPHABET[rest % 32] + time
  return time
}

/** Whether an id was made at this time (milliseconds since the epoch) or before. */
export const wasMadeBy = (id: string, at: number): boolean => id.slice(0, 9) <= timeIn(at)
