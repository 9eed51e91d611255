import type { Finding } from '#contracts/descriptors.ts'
import { isTemplated } from './options.ts'
import { checkUses, type Scope, type World } from './references.ts'
import type { File } from './repository.ts'
import { tooBig } from './source-limits.ts'
import { stepKind } from './steps.ts'
import type { ReadTask } from './task.ts'
import { taskVariables } from './task-checks.ts'

/** `scripts/` files by path. `accepted`: see CheckOptions. */
export function readScripts(
  files: readonly File[],
  findings: Finding[],
  accepted: boolean,
): Record<string, string> {
  const scripts: Record<string, string> = {}
  for (const { path, content } of files) {
    if (!path.startsWith('scripts/')) continue
    const trouble = tooBig(content)
    if (trouble)
      findings.push({ severity: 'error', path, line: 1, column: 1, at: '', message: trouble.message })
    else scripts[path] = content
    const severity = accepted ? 'warning' : 'error'
    for (const { line, message } of formTroubles(content))
      findings.push({ severity, path, line, column: 1, at: '', message })
  }
  return scripts
}

/** What no interpreter on a node makes sense of, although it is text. */
function formTroubles(content: string): { line: number; message: string }[] {
  const troubles: { line: number; message: string }[] = []
  if (content.startsWith('\ufeff'))
    troubles.push({
      line: 1,
      message: 'begins with a byte order mark, so the node cannot run it: save it as UTF-8 without one',
    })
  const crlf = content.indexOf('\r\n')
  if (crlf >= 0)
    troubles.push({
      line: content.slice(0, crlf).split('\n').length,
      message:
        'has line ends of Windows (CRLF), which a shell takes for part of each command: save it with LF',
    })
  return troubles
}

/** A script is a template: it can say what every step that runs it can say. */
export function checkScripts(
  scripts: Readonly<Record<string, string>>,
  tasks: ReadonlyMap<string, ReadTask>,
  world: World,
  findings: Finding[],
): void {
  const templated = Object.entries(scripts).filter(([, text]) => isTemplated(text))
  if (templated.length === 0) return
  const scopes = scopesOf(tasks, world)
  for (const [path, text] of templated) {
    const scope = scopes.get(path)
    checkUses(text, scope ?? unused, world, (trouble) => {
      const { message, line, column } = trouble
      const severity: Finding['severity'] = trouble.severity ?? 'error'
      // Of a script that nothing runs, nobody can say which variables it will have.
      if (!scope && !message.startsWith('is not a template')) return
      findings.push({ severity, path, line, column, at: '', message })
    })
  }
}

const unused: Scope = { kind: 'task', variables: new Set() }

function scopesOf(tasks: ReadonlyMap<string, ReadTask>, world: World): Map<string, Scope> {
  const variables = new Map<string, Set<string>>()
  for (const read of tasks.values()) {
    for (const step of read.steps) {
      const kind = stepKind(step.step.run)
      if (kind.kind !== 'script') continue
      const names = variables.get(kind.path) ?? new Set()
      for (const name of taskVariables(read, step, world)) names.add(name)
      variables.set(kind.path, names)
    }
  }
  return new Map([...variables].map(([path, names]) => [path, { kind: 'task', variables: names }]))
}
