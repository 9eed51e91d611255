import { isMatch, type Pattern, split } from './glob.ts'
import { nearest } from './nearest.ts'
import { show, unknownName } from './text.ts'

const outcomes = ['start', 'success', 'error']
const actions = { node: ['create', 'update', 'delete'], task: ['run'] }

/** What may follow `node.ID.` and `task.ID.`; an action without outcome stands for its success. */
const endings = {
  node: [...withOutcomes(actions.node), 'drift', 'down', 'up'],
  task: withOutcomes(actions.task),
}
const whole = ['repo.pushed']

function withOutcomes(names: readonly string[]): string[] {
  return names.flatMap((name) => [name, ...outcomes.map((outcome) => `${name}.${outcome}`)])
}

/**
 * Whether an event's type is one that a pattern means. `*` stands for one part of the type or a piece of it, at the end
 * for all that follows; `node.web.create` means its success.
 */
export function eventMatches(pattern: string, type: string): boolean {
  return isMatch(split(meant(pattern)), split(type))
}

/** The pattern with an alias written out. */
function meant(pattern: string): string {
  const [kind, , action = '', ...rest] = pattern.split('.')
  const known = kind === 'node' ? actions.node : kind === 'task' ? actions.task : []
  return rest.length === 0 && known.includes(action) ? `${pattern}.success` : pattern
}

/** Why no event of a repository can ever match a pattern; undefined when one can. */
export function eventTrouble(
  pattern: string,
  ids: { node: ReadonlySet<string>; task: ReadonlySet<string> },
): string | undefined {
  if (whole.some((type) => eventMatches(pattern, type))) return undefined
  const [kind = '', id = '', ...rest] = pattern.split('.')
  const kinds = (['node', 'task'] as const).filter(
    (each) => isMatch([kind] as Pattern, [each]) || kind === '*',
  )
  if (kinds.length === 0) return unknownKind(pattern)
  if (id === '')
    return `is not a whole event name, write ${kind}.ID.${kind === 'task' ? 'run' : 'create'}.success, got ${show(pattern)}`
  const ending = rest.join('.')
  const troubles = kinds.map((each) => troubleOf(each, id, ending, ids[each]))
  return troubles.includes(undefined) ? undefined : troubles[0]
}

function troubleOf(
  kind: 'node' | 'task',
  id: string,
  ending: string,
  ids: ReadonlySet<string>,
): string | undefined {
  const hasId = id.includes('*') ? [...ids].some((each) => isMatch([id], [each])) : ids.has(id)
  if (!hasId) return id.includes('*') ? `no ${kind} fits ${show(id)}` : unknownName(kind, id, ids)
  if (ending === '' && id.endsWith('*')) return undefined
  const fits = endings[kind].some((each) => isMatch(split(ending), split(each)))
  return fits ? undefined : unknownName(`event of a ${kind}`, ending, endings[kind])
}

function unknownKind(pattern: string): string {
  const [first = '', ...rest] = pattern.split('.')
  const kind = nearest(first, ['node', 'task'])
  const near = nearest(pattern, whole) ?? (kind && [kind, ...rest].join('.'))
  const hint =
    near === undefined ? 'events begin with node., task., or are repo.pushed' : `did you mean ${show(near)}?`
  return `unknown event ${show(pattern)}, ${hint}`
}
