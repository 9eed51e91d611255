import { type Composite, listOf, rest } from './item.ts'

/** `user: NAME` with `groups` is a membership for each of them as well: one that is taken out again leaves the user. */
export const user: Composite = (item) => {
  if (item.groups === undefined) return [item]
  return [
    rest(item, 'groups'),
    ...listOf(item.groups).map((group) => ({
      membership: item.user,
      group,
      ...rest(item, 'user', 'groups', 'home', 'shell', 'comment', 'system', 'uid', 'keep'),
    })),
  ]
}
