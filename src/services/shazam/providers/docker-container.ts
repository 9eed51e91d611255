import { PassThrough } from 'node:stream'
import type Docker from 'dockerode'
import type { EngineFacts } from './docker-facts.ts'

export interface ContainerWish {
  name: string
  hostname: string
  image: string
  labels: Record<string, string>
  /** Bytes. */
  memory?: number
  cpus?: number
  binds?: string[]
  ports?: Docker.PortMap
  /** A network of the engine, by name; its bridge when absent. */
  network?: string
  restart?: string
}

/**
 * A container handled like a small VM: systemd is its init, it survives the engine's restart. It has all that systemd and
 * its units want of a kernel (SYS_ADMIN, no filter of system calls): it is no boundary between root in it and its host.
 */
export function containerOptions(wish: ContainerWish, engine: EngineFacts): Docker.ContainerCreateOptions {
  const { binds, security, cgroups } = controlGroups(engine)
  return {
    name: wish.name,
    Hostname: wish.hostname,
    Image: wish.image,
    Labels: wish.labels,
    StopSignal: 'SIGRTMIN+3',
    StopTimeout: 20,
    ExposedPorts: Object.fromEntries(Object.keys(wish.ports ?? {}).map((port) => [port, {}])),
    HostConfig: {
      CapAdd: ['SYS_ADMIN', 'NET_ADMIN'],
      SecurityOpt: ['seccomp=unconfined', ...(engine.appArmor ? ['apparmor=unconfined'] : []), ...security],
      // The engine's default forbids programs in /tmp, which no VM does.
      Tmpfs: { '/run': 'exec,mode=755', '/run/lock': '', '/tmp': 'exec,mode=1777' },
      Binds: [...binds, ...(wish.binds ?? [])],
      CgroupnsMode: cgroups,
      RestartPolicy: { Name: wish.restart ?? 'unless-stopped' },
      ...(wish.network && { NetworkMode: wish.network }),
      PortBindings: wish.ports,
      ...limitsOf(wish),
    } as Docker.HostConfig,
  }
}

/**
 * systemd needs a tree of control groups. With version 2 an engine since 28 gives each container one of its own; one
 * before hands out the host's, to be written. With version 1 to read the host's is enough (and all that works).
 */
function controlGroups({ cgroup, ownCgroups }: EngineFacts) {
  if (ownCgroups) return { binds: [], security: ['writable-cgroups=true'], cgroups: 'private' }
  const access = cgroup === '1' ? 'ro' : 'rw'
  return { binds: [`/sys/fs/cgroup:/sys/fs/cgroup:${access}`], security: [], cgroups: 'host' }
}

/** Twice as much with swap is the engine's own default, which has to be said again when it is changed. */
export const limitsOf = ({ memory, cpus }: Pick<ContainerWish, 'memory' | 'cpus'>) => ({
  ...(memory && { Memory: memory, MemorySwap: memory * 2 }),
  ...(cpus && { NanoCpus: Math.round(cpus * 1e9) }),
})

/** Runs a shell text in a container as root. Throws with its output when it fails. */
export async function execIn(docker: Docker, container: Docker.Container, script: string): Promise<string> {
  const exec = await container.exec({
    Cmd: ['sh', '-c', script],
    User: 'root',
    AttachStdout: true,
    AttachStderr: true,
  })
  const stream = await exec.start({})
  const [out, err] = [new PassThrough(), new PassThrough()]
  docker.modem.demuxStream(stream, out, err)
  const printed = [collect(out), collect(err)]
  await new Promise((resolve, reject) => {
    stream.once('end', resolve)
    stream.once('close', resolve)
    stream.once('error', reject)
  })
  out.end()
  err.end()
  const [stdout = '', stderr = ''] = await Promise.all(printed)
  const { ExitCode } = await exec.inspect()
  if (ExitCode !== 0) throw new Error(`exit ${ExitCode}: ${(stderr || stdout).trim()}`)
  return stdout
}

async function collect(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/**
 * Waits for systemd, makes the host keys that the image leaves out, starts sshd and prints its public host keys.
 * pam_nologin turns everybody but root away while /run/nologin is there, so that is waited for too.
 */
export const awaken = `set -e
timeout 60 sh -c 'until systemctl list-units >/dev/null 2>&1; do sleep 0.05; done'
ssh-keygen -A >/dev/null
# A container cannot hide processes from a unit that has users of its own (redis, for one): such a unit would not start.
visible=/etc/systemd/system/service.d/devops-container.conf
if [ ! -e $visible ]; then
  mkdir -p \${visible%/*}
  printf '[Service]\\nProtectProc=default\\n' >$visible
  systemctl daemon-reload
fi
systemctl enable ssh >/dev/null 2>&1
systemctl start ssh
timeout 60 sh -c 'while [ -e /run/nologin ]; do sleep 0.05; done'
cat /etc/ssh/ssh_host_*_key.pub
`
