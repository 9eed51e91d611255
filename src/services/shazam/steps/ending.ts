import { randomUUID } from 'node:crypto'

/**
 * Parts the output of a step from what the node says of it after the last byte: a mark that the step cannot know stands
 * between them. Both travel in one session, so that the end of a step costs no second one.
 */
export interface Ending {
  /** The mark as `printf` of a shell writes it. */
  readonly format: string
  /** Gives the bytes that are surely output. */
  take(chunk: Buffer): Buffer
  /** What came after the mark; undefined when it did not come. */
  said(): string | undefined
}

export function newEnding(): Ending {
  const id = randomUUID()
  const mark = Buffer.from(`\0${id} `)
  const after: Buffer[] = []
  let held = Buffer.alloc(0)
  let found = false
  return {
    format: `\\000${id} `,
    take(chunk) {
      if (found) {
        after.push(chunk)
        return Buffer.alloc(0)
      }
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      const at = bytes.indexOf(mark)
      found = at >= 0
      if (found) after.push(bytes.subarray(at + mark.length))
      const end = found ? at : bytes.length - begunMark(bytes, mark)
      held = Buffer.from(found ? [] : bytes.subarray(end))
      return bytes.subarray(0, end)
    },
    said: () => (found ? Buffer.concat(after).toString() : undefined),
  }
}

/** How many bytes at the end may be the beginning of the mark. */
function begunMark(bytes: Buffer, mark: Buffer): number {
  for (let size = Math.min(mark.length - 1, bytes.length); size > 0; size--)
    if (bytes.subarray(-size).equals(mark.subarray(0, size))) return size
  return 0
}
