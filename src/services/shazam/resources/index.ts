import { absentKind } from './absent.ts'
import { aptRepositoryKind } from './apt-repository.ts'
import { commandKind } from './command.ts'
import { directoryKind } from './directory.ts'
import { fileKind } from './file.ts'
import { groupKind } from './group.ts'
import { hostnameKind } from './hostname.ts'
import type { Kind } from './kind.ts'
import { linkKind } from './link.ts'
import { packageKind } from './package.ts'
import { swapKind } from './swap.ts'
import { unitKind } from './unit.ts'
import { userKind } from './user.ts'

/** Every kind of resource, under the key that names it in `service.yml`. */
export const kinds: ReadonlyMap<string, Kind> = new Map(
  [
    aptRepositoryKind,
    packageKind,
    fileKind,
    directoryKind,
    linkKind,
    absentKind,
    userKind,
    groupKind,
    unitKind,
    hostnameKind,
    swapKind,
    commandKind,
  ].map((kind) => [kind.name, kind as unknown as Kind]),
)

export function kindOf(name: string): Kind {
  const kind = kinds.get(name)
  if (!kind) throw new Error(`unknown kind of resource: ${name}`)
  return kind
}
