import { toValueSync } from 'liquidjs'
import type { Tree } from './fields.ts'
import { ShellQuoter } from './shell-quoter.ts'
import { explain, Templates, textOf } from './templates.ts'

/** A value on its way into a script. As text (`capture`, a filter) it is bare again, and is escaped when it is put out. */
class Hole {
  readonly value: unknown

  constructor(value: unknown) {
    this.value = value
  }

  toString(): string {
    return textOf(this.value)
  }
}

const holes = new Templates((value) => new Hole(value) as unknown as string)

/**
 * A template of a shell script, each output quoted for the place where it stands, so that it stays one inert word.
 * `| raw` puts a value out as it is. Throws `invalid`, also where no quoting would hold.
 */
export function renderShell(text: string, scope: Tree): string {
  return explain(text, scope, () => {
    const parts: (string | Hole)[] = []
    const emitter = {
      buffer: '',
      write: (part: unknown) => void parts.push(part instanceof Hole ? part : textOf(part)),
    }
    toValueSync(holes.liquid.renderer.renderTemplates(holes.parse(text), holes.context(scope), emitter))
    return quote(parts)
  })
}

function quote(parts: readonly (string | Hole)[]): string {
  const quoter = new ShellQuoter()
  let literal = ''
  for (const part of parts) {
    if (typeof part === 'string') literal += part
    else {
      quoter.literal(literal)
      literal = ''
      quoter.value(part.toString())
    }
  }
  quoter.literal(literal)
  return quoter.end()
}
