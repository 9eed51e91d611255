import { quote } from '../quote.ts'
import type { Fact } from './state.ts'

export const users: Fact = {
  name: 'users',
  script: ({ users }) => (users.size ? `getent passwd ${quote([...users])}` : ''),
  read(answer, state) {
    for (const line of answer.split('\n')) {
      const [name, , uid, gid, comment = '', home = '', shell = ''] = line.split(':')
      if (name && uid)
        state.users.set(name, { uid: Number(uid), gid: Number(gid), comment, home, shell, groups: [] })
    }
  },
}

/** All groups, in one call: who is in which is only told from the group's side. */
export const groups: Fact = {
  name: 'groups',
  script: ({ users, groups }) => (users.size || groups.size ? 'getent group' : ''),
  read(answer, state) {
    for (const line of answer.split('\n')) {
      const [name, , gid, members = ''] = line.split(':')
      if (!name || !gid) continue
      const list = members.split(',').filter(Boolean)
      state.groups.set(name, { gid: Number(gid), members: list })
      for (const member of list) state.users.get(member)?.groups.push(name)
    }
  },
}
