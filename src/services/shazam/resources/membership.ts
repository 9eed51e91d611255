import Type from 'typebox'
import type { State } from '../facts/state.ts'
import { quote } from '../quote.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'
import { Account } from './pattern.ts'

export interface Membership extends Resource {
  user: string
  group: string
}

/** A user in a group. Only a membership that we added is ours to take back. */
export const membershipKind: Kind<Membership> = {
  name: 'membership',
  keepsBefore: true,
  schema: Type.Object({ membership: Account, group: Account }),
  wish: (user, { group }) => ({
    id: `membership:${user} ${group}`,
    user,
    group: group as string,
  }),
  implies: ({ user, group }) => [`user:${user}`, `group:${group}`],
  ask(wish, questions) {
    questions.users.add(wish.user as string)
    questions.groups.add(wish.group as string)
  },
  plan({ user, group }, state) {
    if (isMember(user, group, state)) return unchanged(`user ${user} is in group ${group}`)
    return change(`add user ${user} to group ${group}`, `join_group ${quote([user, group])}`, {
      creates: true,
    })
  },
  entry: ({ user, group }) => ({ user, group }),
  remove(owned, state) {
    const { user, group } = owned as unknown as Membership
    if (!state.groups.get(group)?.members.includes(user))
      return unchanged(`user ${user} is not in group ${group}`)
    return change(`take user ${user} out of group ${group}`, `leave_group ${quote([user, group])}`)
  },
}

/** Its primary group counts: there is nothing to add. */
function isMember(user: string, group: string, { users, groups }: State): boolean {
  const found = groups.get(group)
  return found !== undefined && (found.members.includes(user) || users.get(user)?.gid === found.gid)
}
