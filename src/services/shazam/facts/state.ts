/** What the kinds of resources want to know of a node. Sets, so that a thing is looked at once however many ask. */
export interface Questions {
  paths: Set<string>
  /** Of these, the content's SHA-256 as well. */
  hashes: Set<string>
  packages: Set<string>
  units: Set<string>
  users: Set<string>
  groups: Set<string>
  /** Small files whose lines are wanted. */
  texts: Set<string>
  /** Resource id -> shell lines; the answer is what they print. */
  answers: Map<string, string>
  /** Resource id -> shell line; the answer is whether it succeeds. */
  checks: Map<string, string>
  /** `SERVICE.NAME` -> shell line; the answer is its first line of output. */
  lines: Map<string, string>
  /** What is told only when the node has been started anew since. */
  boot?: Boot
}

/** Stays as it is from one start of the node to the next, and costs more processes than all the rest of the system. */
export type Boot = Pick<SystemFact, 'boot_id' | 'architecture' | 'cpu_model' | 'virtualization'>

export interface State {
  system: SystemFact
  /** A path that is absent here is absent on the node. */
  files: Map<string, FileFact>
  packages: Map<string, PackageFact>
  /** dpkg's name for the node's own architecture; empty when nothing was asked about packages. */
  native: string
  /** All packages with apt's mark of a dependency. */
  autos: Set<string>
  /** What apt says of the packages that leave, when some do. */
  removals?: Removals
  units: Map<string, UnitFact>
  users: Map<string, UserFact>
  groups: Map<string, GroupFact>
  /** A file that is absent here is absent or empty on the node. */
  texts: Map<string, string[]>
  answers: Map<string, string>
  checks: Map<string, boolean>
  /** Keys of checks that did not end in time: nobody knows what they would say. */
  late: Set<string>
  lines: Map<string, string>
  /** Ids of resources that our own hand brought to the node, noted there before it was done. */
  made: Set<string>
  /** Handlers that were notified and have not run: a former apply was cut. */
  pending: Set<string>
  /** Text of files, fetched only for diffs. */
  contents: Map<string, string>
}

export interface SystemFact {
  os: { id: string; version: string; codename: string; name: string }
  kernel: string
  architecture: string
  cpus: number
  /** Empty where the kernel does not tell. */
  cpu_model: string
  /** Bytes. */
  memory: number
  /** Bytes. */
  swap: number
  /** Paths of active swap areas. */
  swaps: string[]
  /** Block devices, of the host in a container. */
  devices: { name: string; size: number }[]
  disks: { mount: string; size: number }[]
  addresses: string[]
  boot_id: string
  /** The kernel's, and the one that `/etc/hostname` gives at the next boot. */
  hostname: string
  static_hostname: string
  hosts: string[]
  /** Whether units can be looked at and started at all. */
  systemd: boolean
  container: boolean
  /** A new kernel or library waits for it; and whose packages said so. */
  reboot_required: boolean
  reboot_packages: string[]
  /** systemd's word for it; empty where systemd is not there. */
  virtualization: string
  /** Of the devops user; empty before there is one. */
  pub_key: string
}

export interface FileFact {
  type: 'file' | 'directory' | 'link' | 'other'
  /** Octal, without a leading zero. */
  mode: string
  owner: string
  group: string
  size: number
  /** Where a link leads. */
  to: string
  /** A link leads to a folder in the end. */
  to_directory?: true
  sha256?: string
}

export interface PackageFact {
  /** dpkg's: `installed`, `config-files`, `half-configured` … */
  status: string
  version: string
  /** apt must not move it. */
  held: boolean
  /** apt's mark of what only came because something else needs it. */
  auto: boolean
  /** There is no package of this name: these stand in for it. */
  by?: string[]
}

/** What becomes of packages that leave, by a simulation of apt. */
export interface Removals {
  /** They can leave, in this order. */
  leave: string[]
  /** They cannot: each with what would leave too, or come in its place, and must not. */
  blocked: Map<string, string[]>
  /** What leaves with them: it came with them, and nothing that stays needs it. */
  along: string[]
  /** Purging these would take what is kept: the path. */
  guards: Map<string, string>
}

export interface UnitFact {
  /** Its own name, where it was asked for by an alias. */
  id: string
  load: string
  active: string
  sub: string
  /** `enabled`, `disabled`, `static`, `masked` …; empty when there is no unit file. */
  enabled: string
  needs_reload: boolean
  /** Runs to its end when it is started, and is not active afterwards. */
  ends: boolean
  /** It was started, and a condition of its own says that it has nothing to do on this node. */
  unmet: boolean
}

export interface UserFact {
  uid: number
  gid: number
  comment: string
  home: string
  shell: string
  /** Supplementary groups. */
  groups: string[]
}

export interface GroupFact {
  gid: number
  members: string[]
  /** Users whose primary group it is; only told of groups that are asked for by name. */
  primary_of: string[]
}

export const noQuestions = (): Questions => ({
  paths: new Set(),
  hashes: new Set(),
  packages: new Set(),
  units: new Set(),
  users: new Set(),
  groups: new Set(),
  texts: new Set(),
  answers: new Map(),
  checks: new Map(),
  lines: new Map(),
})

export const blankState = (): State => ({
  system: {
    os: { id: '', version: '', codename: '', name: '' },
    kernel: '',
    architecture: '',
    cpus: 0,
    cpu_model: '',
    memory: 0,
    swap: 0,
    swaps: [],
    devices: [],
    disks: [],
    addresses: [],
    boot_id: '',
    hostname: '',
    static_hostname: '',
    hosts: [],
    systemd: true,
    container: false,
    reboot_required: false,
    reboot_packages: [],
    virtualization: '',
    pub_key: '',
  },
  files: new Map(),
  packages: new Map(),
  native: '',
  autos: new Set(),
  units: new Map(),
  users: new Map(),
  groups: new Map(),
  texts: new Map(),
  answers: new Map(),
  checks: new Map(),
  late: new Set(),
  lines: new Map(),
  made: new Set(),
  pending: new Set(),
  contents: new Map(),
})

/** One batch of the probe: the shell text that answers a kind of question, and the reader of its answer. */
export interface Fact {
  name: string
  /** Empty when nothing is asked. */
  script(questions: Questions): string
  read(answer: string, state: State, questions: Questions): void
}

/** Splits into groups that are safely below the size limit of a command's arguments. */
export function batches(words: Iterable<string>, bytes = 60_000): string[][] {
  const groups: string[][] = []
  let size = Number.POSITIVE_INFINITY
  for (const word of words) {
    const length = Buffer.byteLength(word) + 8
    if (size + length > bytes) {
      groups.push([])
      size = 0
    }
    groups.at(-1)?.push(word)
    size += length
  }
  return groups
}
