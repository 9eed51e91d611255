import { readFileSync } from 'node:fs'

interface Group {
  name: string
  gid: number
  members: string[]
}

export interface Accounts {
  /** Name of a user, or the number where none has it. */
  userOf(uid: number): string
  groupOf(gid: number): Group | undefined
  /** Whether a user is in a group, as a member or by the group of the account. */
  isIn(user: string, group: Group): boolean
}

/** What /etc/passwd and /etc/group say; those of a directory service are not in them. */
export function readAccounts(folder = '/etc'): Accounts {
  const rows = (name: string) =>
    readFileSync(`${folder}/${name}`, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(':'))
  const users = rows('passwd').map(([name = '', , uid, gid]) => ({
    name,
    uid: Number(uid),
    gid: Number(gid),
  }))
  const groups = rows('group').map(([name = '', , gid, members = '']) => ({
    name,
    gid: Number(gid),
    members: members.split(',').filter(Boolean),
  }))
  return {
    userOf: (uid) => users.find((user) => user.uid === uid)?.name ?? String(uid),
    groupOf: (gid) => groups.find((group) => group.gid === gid),
    isIn: (name, group) =>
      group.members.includes(name) || users.some((user) => user.name === name && user.gid === group.gid),
  }
}
