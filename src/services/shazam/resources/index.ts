import { absentKind } from './absent.ts'
import { aptRepositoryKind } from './apt-repository.ts'
import { archiveKind } from './archive.ts'
import { certificateKind } from './certificate.ts'
import { commandKind } from './command.ts'
import { directoryKind } from './directory.ts'
import { fileKind } from './file.ts'
import { flushKind } from './flush.ts'
import { gitCheckoutKind } from './git-checkout.ts'
import { groupKind } from './group.ts'
import { hostKind } from './host.ts'
import { hostnameKind } from './hostname.ts'
import { kernelValueKind } from './kernel-value.ts'
import type { Kind } from './kind.ts'
import { languagePackageKinds } from './language-package.ts'
import { lineKind } from './line.ts'
import { linkKind } from './link.ts'
import { membershipKind } from './membership.ts'
import { mountKind } from './mount.ts'
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
    membershipKind,
    unitKind,
    hostnameKind,
    swapKind,
    hostKind,
    mountKind,
    kernelValueKind,
    lineKind,
    archiveKind,
    certificateKind,
    gitCheckoutKind,
    ...languagePackageKinds,
    commandKind,
    flushKind,
  ].map((kind) => [kind.name, kind as unknown as Kind]),
)

export function kindOf(name: string): Kind {
  const kind = kinds.get(name)
  if (!kind) throw new Error(`unknown kind of resource: ${name}`)
  return kind
}
