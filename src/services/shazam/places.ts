import type { State } from './facts/state.ts'
import type { Graph } from './graph.ts'
import { purges } from './keep.ts'
import type { Entry, Resource } from './resources/kind.ts'

/** Something that stays, and where it is on the node. */
export interface Place {
  path: string
  /** Of the resource. */
  id: string
  /** Its content could not be written once more: it is data, or may be. */
  data: boolean
}

const withPath = new Set([
  'file',
  'directory',
  'link',
  'archive',
  'git_checkout',
  'mount',
  'swap',
  'certificate',
])

/** Where a resource, or what we own, is on the node. */
export function pathsOf(of: Resource | Entry): string[] {
  const { kind, name, path, key, home, venv } = of as Entry
  const found = withPath.has(kind)
    ? [path, kind === 'certificate' ? key : undefined]
    : kind === 'user'
      ? [home ?? (name === 'root' ? '/root' : `/home/${name}`)]
      : [venv]
  return found.filter((each) => typeof each === 'string')
}

/** Files that a resource is written to, its own or shared ones. */
export function filesOf(of: Resource | Entry): string[] {
  const path = (of as Entry).path
  return [...pathsOf(of), ...(typeof path === 'string' ? [path] : []), ...(written[of.kind] ?? [])]
}

const written: Record<string, string[]> = {
  host: ['/etc/hosts'],
  hostname: ['/etc/hostname', '/etc/hosts'],
  mount: ['/etc/fstab'],
  swap: ['/etc/fstab'],
}

/** All that stays: what is described, what keeps its data, and what was there before us. */
export function stayingPlaces(graph: Graph, leaving: readonly Entry[]): Place[] {
  const kept = leaving.filter((entry) => entry.present_before || (entry.keep && !purges(graph, entry)))
  return [...graph.resources, ...kept].flatMap((of) =>
    [...pathsOf(of), ...lookedAfter(of)].map((path) => ({
      path,
      id: of.id,
      data: of.kind !== 'link' && (of.kind !== 'file' || isData(of)),
    })),
  )
}

/** A folder of data that a command looks after, though no resource describes it. */
function lookedAfter(of: Resource | Entry): string[] {
  const { kind, data } = of as Entry
  return kind === 'command' && typeof data === 'string' ? [data] : []
}

const isData = (of: Resource | Entry): boolean =>
  of.keep === true || (of as Entry).once === true || (of as Entry).present_before === true

/** What of it is where an entry is, or below: folders and homes hold others. */
export const placesIn = (places: readonly Place[], entry: Entry): Place[] => {
  const folders = holders.has(entry.kind) ? pathsOf(entry) : []
  return places.filter(({ path, id }) => id !== entry.id && folders.some((folder) => isBelow(path, folder)))
}

const holders = new Set(['directory', 'git_checkout', 'archive', 'user'])

export const isBelow = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)

export const MOUNTS = '/proc/self/mounts'

/** What is mounted below a path; fields of mounts are written in octal. */
export const mountsBelow = ({ texts }: State, folder: string): string[] =>
  (texts.get(MOUNTS) ?? [])
    .map((line) =>
      (line.split(' ')[1] ?? '').replace(/\\([0-7]{3})/g, (_, code) =>
        String.fromCharCode(Number.parseInt(code, 8)),
      ),
    )
    .filter((path) => isBelow(path, folder))
