import { blankState, type State } from '../facts/state.ts'

/** A state as a case writes it: maps as YAML maps, and of each thing only what matters. */
export interface WrittenState {
  system?: Partial<State['system']>
  files?: Record<string, object>
  packages?: Record<string, object>
  units?: Record<string, object>
  users?: Record<string, object>
  groups?: Record<string, object>
  texts?: Record<string, string[]>
  answers?: Record<string, string>
  checks?: Record<string, boolean>
  late?: string[]
  removals?: {
    leave?: string[]
    blocked?: Record<string, string[]>
    along?: string[]
    guards?: Record<string, string>
  }
  autos?: string[]
  made?: string[]
  pending?: string[]
  contents?: Record<string, string>
}

const file = { type: 'file', mode: '644', owner: 'root', group: 'root', size: 0, to: '' }
const unit = {
  id: '',
  load: 'loaded',
  active: 'active',
  sub: 'running',
  enabled: 'enabled',
  needs_reload: false,
  ends: false,
  unmet: false,
}
const user = { uid: 1000, gid: 1000, comment: '', home: '', shell: '/bin/bash', groups: [] }

export function stateFrom(written: WrittenState = {}): State {
  const state = blankState()
  const fill = <T>(into: Map<string, T>, from: Record<string, object> = {}, base: object = {}) => {
    for (const [name, value] of Object.entries(from)) into.set(name, { ...base, ...value } as T)
  }
  Object.assign(state.system, written.system)
  fill(state.files, written.files, file)
  fill(state.packages, written.packages, { status: 'installed', version: '1', held: false, auto: false })
  fill(state.units, written.units, unit)
  fill(state.users, written.users, user)
  fill(state.groups, written.groups, { gid: 1000, members: [], primary_of: [] })
  for (const [id, holds] of Object.entries(written.checks ?? {})) state.checks.set(id, holds)
  for (const [path, text] of Object.entries(written.contents ?? {})) state.contents.set(path, text)
  for (const [path, lines] of Object.entries(written.texts ?? {})) state.texts.set(path, lines)
  for (const [id, text] of Object.entries(written.answers ?? {})) state.answers.set(id, text.trim())
  state.late = new Set(written.late)
  if (written.removals) {
    const { leave = [], blocked = {}, along = [], guards = {} } = written.removals
    state.removals = {
      leave,
      blocked: new Map(Object.entries(blocked)),
      along,
      guards: new Map(Object.entries(guards)),
    }
  }
  state.autos = new Set(written.autos)
  state.made = new Set(written.made)
  state.pending = new Set(written.pending)
  return state
}
