import type Docker from 'dockerode'

/** What an engine and its host are, as far as it changes what a container is given. */
export interface EngineFacts {
  version: string
  cgroup: '1' | '2'
  /** It can give a container control groups of its own, to be written. */
  ownCgroups: boolean
  appArmor: boolean
  /** Root in a container is another user on the host (`userns-remap`). */
  remaps: boolean
}

interface Info {
  ServerVersion?: string
  CgroupVersion?: string
  SecurityOptions?: string[] | null
}

export const engineFacts = async (docker: Docker): Promise<EngineFacts> =>
  factsOf((await docker.info()) as Info)

/** `name=userns`, `name=seccomp,profile=default`, `name=apparmor`. */
export function factsOf({ ServerVersion = '', CgroupVersion, SecurityOptions }: Info): EngineFacts {
  const names = (SecurityOptions ?? []).flatMap((text) => /^name=([^,]+)/.exec(text)?.[1] ?? [])
  const cgroup = CgroupVersion === '2' ? '2' : '1'
  const remaps = names.includes('userns')
  return {
    version: ServerVersion,
    cgroup,
    ownCgroups: cgroup === '2' && !remaps && Number.parseInt(ServerVersion, 10) >= 28,
    appArmor: names.includes('apparmor'),
    remaps,
  }
}

/** Why an engine cannot run nodes at all. */
export const faultOfEngine = ({ cgroup, remaps }: EngineFacts): string | undefined =>
  cgroup === '2' && remaps
    ? 'the Docker engine remaps user namespaces (userns-remap), where it gives no container control groups to write, which systemd of a node needs. Use an engine without userns-remap on a machine of its own for those who do not trust each other'
    : undefined

/** Said where an engine is chosen. */
export function sayBoundary({ ownCgroups }: EngineFacts): string {
  const reach = ownCgroups ? '' : ' and sees the control groups of all'
  return `root of a node there has SYS_ADMIN${reach}: it is no boundary to the machine; give those who do not trust each other an engine each`
}
