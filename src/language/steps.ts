export type StepKind =
  | { kind: 'inline' }
  | { kind: 'script'; path: string }
  | { kind: 'command'; service: string; command: string }
  /** A variable of the repository is set, by the platform itself. */
  | { kind: 'variable'; name: string; value: string }

/**
 * What a step's `run` is: a line for the shell, `devops scripts/FILE` (path as in the repository),
 * `devops var set NAME VALUE`, or `devops SERVICE COMMAND`, where the command may be several words.
 */
export function stepKind(run: string): StepKind {
  const line = run.trim()
  if (!/^devops[ \t]+\S/.test(line) || line.includes('\n')) return { kind: 'inline' }
  const [variable, name = '', value = ''] =
    /^devops[ \t]+var[ \t]+set[ \t]+(\S+)(?:[ \t]+(.*))?$/.exec(line) ?? []
  if (variable !== undefined) return { kind: 'variable', name, value }
  const [first = '', ...rest] = line
    .slice(6)
    .trim()
    .split(/[ \t]+/)
  const path = first.replace(/^\.\//, '')
  if (path.startsWith('scripts/')) return { kind: 'script', path: [path, ...rest].join(' ') }
  return { kind: 'command', service: first, command: rest.join(' ') }
}
