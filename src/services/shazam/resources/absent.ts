import Type from 'typebox'
import { quote } from '../quote.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'
import { Path } from './pattern.ts'

export interface Absent extends Resource {
  path: string
}

/** A file or link that should not be there: a package's own example, say. */
export const absentKind: Kind<Absent> = {
  name: 'absent',
  schema: Type.Object({ absent: Path }),
  wish: (path) => ({ id: `absent:${path}`, path }),
  ask: (wish, questions) => void questions.paths.add(wish.path as string),
  plan(wish, state, { stale }) {
    const found = state.files.get(wish.path)
    const path = quote(wish.path)
    if (!found && stale) {
      const script = `[ -e ${path} ] || [ -L ${path} ] || exit 77\ndrop_file ${path}`
      return {
        verdict: 'unknown until it runs',
        summary: `remove ${wish.path} if a package brings it`,
        script,
      }
    }
    if (!found) return unchanged(`${wish.path} is not there, as wished`)
    if (found.type === 'directory')
      return { verdict: 'skipped', summary: `${wish.path} is a directory: left alone` }
    return change(`remove ${wish.path}`, `drop_file ${path}`)
  },
  entry: ({ path }) => ({ path }),
}
