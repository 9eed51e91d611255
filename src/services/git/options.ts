import { nearest } from '#language'

/** What `git push -o …` can say. */
export interface PushOptions {
  dryRun: boolean
  /** Nodes whose server may be destroyed; `all` for each. */
  destroy: ReadonlySet<string>
  /** Nodes whose server may be destroyed and made anew. */
  replace: ReadonlySet<string>
  /** Sentences about what was not understood. */
  faults: string[]
}

/** An option that is not known is a fault: a mistyped `dry-run` must not deploy. */
export function parsePushOptions(options: readonly string[]): PushOptions {
  const destroy = new Set<string>()
  const replace = new Set<string>()
  const faults: string[] = []
  let dryRun = false
  for (const option of options) {
    const [name, value] = cut(option)
    if (option === 'dry-run') dryRun = true
    else if (name === 'destroy' && value) for (const node of value.split(',')) destroy.add(node)
    else if (name === 'replace' && value) for (const node of value.split(',')) replace.add(node)
    else
      faults.push(
        `unknown push option ${JSON.stringify(option)}; there are: dry-run, destroy=NODE, replace=NODE (NODE may be a list with commas, or all)`,
      )
  }
  return { dryRun, destroy, replace, faults }
}

function cut(option: string): [string, string] {
  const at = option.indexOf('=')
  return at < 0 ? [option, ''] : [option.slice(0, at), option.slice(at + 1)]
}

/**
 * Consent to a loss that cannot be: a mistyped name would leave the loss that was meant without consent. Nothing is said
 * where `nodes` are not known.
 */
export function faultsOfNames(
  { destroy, replace }: Pick<PushOptions, 'destroy' | 'replace'>,
  nodes: ReadonlySet<string> | undefined,
): string[] {
  if (!nodes) return []
  return Object.entries({ destroy, replace }).flatMap(([option, names]) =>
    [...names]
      .filter((name) => name !== 'all' && !nodes.has(name))
      .map((name) => {
        const near = nearest(name, nodes)
        return `-o ${option}=${name}: there is no such node${near === undefined ? '' : `, did you mean ${near}?`}`
      }),
  )
}

export const covers = (nodes: ReadonlySet<string>, node: string): boolean =>
  nodes.has(node) || nodes.has('all')
