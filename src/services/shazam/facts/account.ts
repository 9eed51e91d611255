import { quote } from '../quote.ts'
import type { Fact } from './state.ts'

export const users: Fact = {
  name: 'users',
  script: ({ users }) => (users.size ? `within getent passwd ${quote([...users])}` : ''),
  read(answer, state) {
    for (const line of answer.split('\n')) {
      const [name, , uid, gid, comment = '', home = '', shell = ''] = line.split(':')
      if (name && uid)
        state.users.set(name, { uid: Number(uid), gid: Number(gid), comment, home, shell, groups: [] })
    }
  },
}

/** All groups, in one call: who is in which is only told from the group's side. Then whose primary group each is. */
export const groups: Fact = {
  name: 'groups',
  script: ({ users, groups }) =>
    users.size || groups.size
      ? ['within getent group', ...(groups.size ? ['echo =', 'within getent passwd'] : [])].join('\n')
      : '',
  read(answer, state, questions) {
    const [list = '', passwd = ''] = answer.split('\n=\n')
    const byId = new Map<string, string>()
    for (const line of list.split('\n')) {
      const [name, , gid, members = ''] = line.split(':')
      if (!name || !gid) continue
      const all = members.split(',').filter(Boolean)
      state.groups.set(name, { gid: Number(gid), members: all, primary_of: [] })
      if (questions.groups.has(name)) byId.set(gid, name)
      for (const member of all) state.users.get(member)?.groups.push(name)
    }
    for (const line of passwd.split('\n')) {
      const [user = '', , , gid = ''] = line.split(':')
      const group = byId.get(gid)
      if (group !== undefined) state.groups.get(group)?.primary_of.push(user)
    }
  },
}
