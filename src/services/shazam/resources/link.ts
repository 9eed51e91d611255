import Type from 'typebox'
import { quote } from '../quote.ts'
import { keeping, takeAway } from './file.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'
import { above } from './owner.ts'
import { Line, Path } from './pattern.ts'

export interface Link extends Resource {
  path: string
  to: string
}

export const linkKind: Kind<Link> = {
  name: 'link',
  schema: Type.Object({ link: Path, to: Line }),
  wish: (path, { to }) => ({ id: `link:${path}`, path, to: to as string }),
  implies: (wish) => [...above(wish.path), `file:${wish.to}`, `directory:${wish.to}`],
  ask: (wish, questions) => void questions.paths.add(wish.path as string),
  plan(wish, state, { owned }) {
    const found = state.files.get(wish.path)
    if (found?.type === 'link' && found.to === wish.to) return unchanged(`${wish.path} leads to ${wish.to}`)
    if (found?.type === 'directory') {
      const said = `${wish.path} is a directory where a link is wished: remove it by hand`
      return change(said, `echo ${quote(said)}; exit 1`)
    }
    // A file of ours that stood there before this link: nothing of theirs is in its place.
    const ours = found?.type === 'file' && state.made.has(`file:${wish.path}`)
    const was = found?.type === 'link' ? `, not to ${found.to}` : ''
    return change(
      `link ${wish.path} to ${wish.to}${was}`,
      `make_link ${quote([wish.to, wish.path, ...(ours ? [] : keeping(owned))])}`,
      { creates: !found || ours },
    )
  },
  entry: ({ path, to }) => ({ path, to }),
  remove(owned, state) {
    const found = state.files.get(owned.path as string)
    if (!found) return unchanged(`${owned.path} is gone`)
    if (found.type !== 'link')
      return { verdict: 'skipped', summary: `${owned.path} is no link any more: left alone` }
    return takeAway(owned, `link ${owned.path}`)
  },
}
