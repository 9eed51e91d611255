import type { Server } from '#contracts/registry.ts'
import type { Losses } from './consent.ts'

type Provider = Readonly<Record<string, unknown>>

/** `NAME:/path` of a provider with volumes. */
const volumesIn = (provider: Provider | undefined): string[] =>
  Array.isArray(provider?.volumes) ? provider.volumes.map(String) : []

const nameOf = (volume: string): string => volume.split(':')[0] ?? volume

/** What becomes of the volumes of a server: undefined when it has none. */
export function volumesOf(server: Server | undefined, next: Provider | undefined): Volumes | undefined {
  const all = volumesIn(server?.made_from)
  if (all.length === 0) return undefined
  const goesOn = next?.name === server?.provider ? volumesIn(next).map(nameOf) : []
  return {
    kept: all.filter((volume) => goesOn.includes(nameOf(volume))),
    left: all.filter((volume) => !goesOn.includes(nameOf(volume))),
  }
}

export interface Volumes {
  /** The server that is made again has them. */
  kept: string[]
  /** They stay at the provider, and no server has them. */
  left: string[]
}

/** What a push would destroy, a sentence a node: no more and no less than what really goes. */
export function lossLines({ destroy, replace, volumes = {}, linked = [] }: Losses): string[] {
  return [
    ...destroy.map(
      (node) => `${node}: its descriptor is gone, so ${destroyed(volumes[node], linked.includes(node))}`,
    ),
    ...replace.map((node) => `${node}: its server would be destroyed${replaced(volumes[node])}`),
  ]
}

function destroyed(volumes: Volumes | undefined, isLinked: boolean): string {
  if (isLinked)
    return 'all that devo.ps made on its machine would be removed; the machine and data that are kept stay'
  const all = [...(volumes?.kept ?? []), ...(volumes?.left ?? [])]
  const and = all.length > 0 ? `, with ${named(all)}` : ''
  return `its server and all data on it would be destroyed${and}`
}

function replaced(volumes: Volumes | undefined): string {
  const again = ' and made again'
  if (!volumes) return ` with all data${again}`
  const { kept, left } = volumes
  const stay =
    kept.length > 0
      ? `, with all data but those of ${named(kept)}, which the new server has`
      : ' with all data'
  return [
    kept.length > 0 ? `${again}${stay}` : `${stay}${again}`,
    ...(left.length > 0
      ? [
          `${named(left)} ${left.length > 1 ? 'stay' : 'stays'} at the provider, but the new server does not have ${left.length > 1 ? 'them' : 'it'}`,
        ]
      : []),
  ].join('; ')
}

const named = (volumes: readonly string[]): string =>
  `the ${volumes.length > 1 ? 'volumes' : 'volume'} ${volumes.join(', ')}`
