import type { Bus } from '#bus'
import type { Reach, Role } from '#contracts/profiles.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import type { FakeClock } from './clock.ts'

/** The repository on which all of the cast is tried. */
export const REPO = 'ann/shop'

/** Somebody who asks, and what is true of him. */
export interface Member {
  /** Null: none. */
  token: string | null
  /** OpenSSH line and private half of a key on the profile; absent: asks with a token only. */
  key?: { public: string; private: string }
  /** Why nothing opens: the credential is none, or none any more. */
  nobody: boolean
  user: string
  admin: boolean
  /** In REPO. */
  role: Role | null
  reach: Reach
}

export type Cast = Record<string, Member>

const everything: Reach = { scope: 'admin', repo: null }

/** Everybody who may come: each role, strangers, narrower tokens, and what opens nothing. With profiles as it is. */
export async function makeCast(bus: Bus, clock: FakeClock): Promise<Cast> {
  const make = async (user: string, role: Role | null, admin = false): Promise<Member> => {
    await bus.ask('profiles.create_user', { name: user, admin })
    if (role && role !== 'owner') await bus.ask('profiles.set_collaborator', { repo: REPO, user, role })
    const key = newKeyPair()
    await bus.ask('profiles.add_key', { user, key: key.public.trim() })
    const { token } = await bus.ask('profiles.create_token', { user, title: 'all' })
    return { token, key, nobody: false, user, admin, role, reach: everything }
  }
  const narrower = async (member: Member, scope: Reach['scope'], repo: string | null): Promise<Member> => {
    const { token } = await bus.ask('profiles.create_token', { user: member.user, title: 't', scope, repo })
    const { key: _, ...rest } = member
    return { ...rest, token, reach: { scope, repo } }
  }
  const gone = async (member: Member, undo: (token: string) => Promise<unknown>): Promise<Member> => {
    const { token, record } = await bus.ask('profiles.create_token', {
      user: member.user,
      title: 'gone',
      expires_in: 1,
    })
    await undo(record.id)
    const { key: _, ...rest } = member
    return { ...rest, token, nobody: true }
  }

  const owner = await make('ann', 'owner')
  const administrator = await make('root', null, true)
  const write = await make('writer', 'write')
  const admin = await make('admin', 'admin')
  const disabled = await make('sleeper', 'admin')
  await bus.ask('profiles.update_user', { name: 'sleeper', disabled: true })
  const cast: Cast = {
    nobody: { token: null, nobody: true, user: '', admin: false, role: null, reach: everything },
    stranger: await make('stranger', null),
    // Everything in a repository of his own is nothing here.
    'owner of another repository': await make('eve', null),
    read: await make('reader', 'read'),
    write,
    admin,
    owner,
    administrator,
    'token read': await narrower(owner, 'read', null),
    'token write': await narrower(owner, 'write', null),
    'token read of this repository': await narrower(owner, 'read', REPO),
    'token write of this repository': await narrower(admin, 'write', REPO),
    'token admin of this repository': await narrower(write, 'admin', REPO),
    'token admin of another repository': await narrower(owner, 'admin', 'ann/other'),
    'administrator’s token read': await narrower(administrator, 'read', null),
    'administrator’s token of this repository': await narrower(administrator, 'admin', REPO),
    'disabled user': { ...disabled, nobody: true },
    'revoked token': await gone(owner, (id) => bus.ask('profiles.revoke_token', { user: 'ann', id })),
    'expired token': await gone(owner, () => clock.advance(2000)),
  }
  return cast
}
