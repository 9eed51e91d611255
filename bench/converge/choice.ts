export const parts = ['first', 'idle', 'changed', 'command'] as const
export const rivals = ['devops', 'floor', 'mitogen', 'ansible'] as const

export type Part = (typeof parts)[number]
export type Rival = (typeof rivals)[number]

export interface Choice {
  parts: ReadonlySet<Part>
  rivals: ReadonlySet<Rival>
  /** Nodes with nothing to do. */
  sizes: number[]
  /** Nodes that run one command. */
  command: number
  /** Of those that take milliseconds; those that take minutes run once. */
  repeats: number
}

/** `converge idle floor nodes=1,10`: parts, rivals and numbers; what is not named is all of it. devo.ps always runs. */
export function choose(words: readonly string[]): Choice {
  const of = <T extends string>(all: readonly T[]) => {
    const named = all.filter((one) => words.includes(one))
    return new Set(named.length > 0 ? named : all)
  }
  const number = (name: string, otherwise: string) =>
    (words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1) ?? otherwise)
      .split(',')
      .map(Number)
  const known = [...parts, ...rivals] as readonly string[]
  const wrong = words.find((word) => !known.includes(word) && !/^(nodes|command|repeats)=[\d,]+$/.test(word))
  if (wrong)
    throw new Error(`${wrong}: there are ${known.join(', ')}, nodes=1,10,50, command=100 and repeats=5`)
  return {
    parts: of(parts),
    rivals: of(rivals).add('devops'),
    sizes: number('nodes', '1,10,50').toSorted((a, b) => a - b),
    command: number('command', '100')[0] ?? 100,
    repeats: number('repeats', '7')[0] ?? 7,
  }
}
