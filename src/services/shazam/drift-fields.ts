import type { FileFact, State } from './facts/state.ts'
import { placeOf } from './resources/file.ts'
import type { Resource } from './resources/kind.ts'

/** `before`: as applied. `after`: as found. */
export interface Field {
  attribute: string
  before: string
  after: string
}

/** The fields of a resource that are not as wished, by kind; none for kinds whose summary says more. Pure. */
export function movedFields(wish: Resource, state: State): Field[] {
  const fields = readers[wish.kind]?.(wish as Wish, state) ?? []
  return fields.flatMap(([attribute, before, after]) =>
    before === undefined || before === after ? [] : [{ attribute, before, after: after ?? 'absent' }],
  )
}

type Wish = Resource & Record<string, unknown>
/** Attribute, wished (undefined: nothing is), found (undefined: it is not there). */
type Row = [attribute: string, before: string | undefined, after: string | undefined]

const text = (value: unknown) => (value === undefined ? undefined : String(value))

/** Of a thing that is gone nothing else is worth telling. */
const gone: Row[] = [['presence', 'present', 'absent']]

const atPath =
  (type: FileFact['type'], rows: (wish: Wish, found: FileFact) => Row[]) =>
  (wish: Wish, state: State): Row[] => {
    const found = state.files.get(placeOf(wish as { path: string } & Wish, state))
    if (!found) return gone
    return found.type === type ? rows(wish, found) : [['type', type, found.type]]
  }

const ownership = (wish: Wish, { mode, owner, group }: FileFact): Row[] => [
  ['mode', text(wish.mode), mode],
  ['owner', text(wish.owner), owner],
  ['group', text(wish.group), group],
]

/** The first 12 digits tell contents apart; those of a secret could help to guess it. */
function content(wish: Wish, found: FileFact): Row[] {
  if (wish.once || found.sha256 === wish.sha256) return []
  if (wish.secret) return [['content', '*** as applied', '*** another']]
  return [['content', digest(wish.sha256), digest(found.sha256)]]
}
const digest = (sha256: unknown) => `sha256 ${String(sha256).slice(0, 12)}`

const readers: Record<string, (wish: Wish, state: State) => Row[]> = {
  file: atPath('file', (wish, found) => [...content(wish, found), ...ownership(wish, found)]),
  directory: atPath('directory', ownership),
  link: atPath('link', (wish, { to }) => [['to', text(wish.to), to]]),
  package(wish, state) {
    const found = state.packages.get(String(wish.name))
    if (found?.status !== 'installed') return [['status', 'installed', found?.status ?? 'not-installed']]
    return wish.version === '*' ? [] : [['version', text(wish.version), found.version]]
  },
  unit(wish, state) {
    const { active = 'unknown', enabled = '' } = state.units.get(String(wish.name)) ?? {}
    const runs = active === 'active' || active === 'activating' || active === 'reloading'
    return [
      ['running', text(wish.running), wish.running === runs ? text(wish.running) : active],
      ['enabled', text(wish.enabled), wish.enabled === isEnabled(enabled) ? text(wish.enabled) : enabled],
    ]
  },
  user(wish, state) {
    const found = state.users.get(String(wish.name))
    if (!found) return gone
    return [
      ['home', text(wish.home), found.home],
      ['shell', text(wish.shell), found.shell],
      ['comment', text(wish.comment), found.comment],
      ['uid', text(wish.uid), text(found.uid)],
    ]
  },
  membership: ({ user, group }, { groups }) =>
    groups.get(String(group))?.members.includes(String(user)) ? [] : gone,
  group: (wish, state) => (state.groups.has(String(wish.name)) ? [] : gone),
  hostname: (wish, { system }) => [
    ['name', text(wish.name), system.hostname],
    ['name at boot', text(wish.name), system.static_hostname],
  ],
}

const isEnabled = (word: string) => !['', 'disabled', 'masked', 'masked-runtime'].includes(word)
