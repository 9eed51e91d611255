import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asRoot, run, succeeds } from './shell.ts'

interface Image {
  tag: string
  /** Debian's name of the release. */
  suite: string
}

/** The image of nodes at provider `docker`: Debian with an init and sshd, as a cloud's image is. */
export const nodeImage = 'devops-node:12'

/** The newer release as well: the base layer and the catalog are tested on both. */
const images: readonly Image[] = [
  { tag: nodeImage, suite: 'bookworm' },
  { tag: 'devops-node:13', suite: 'trixie' },
]

const packages = [
  ...['systemd', 'systemd-sysv', 'dbus', 'openssh-server', 'sudo', 'procps', 'iproute2', 'iputils-ping'],
  ...['git', 'ca-certificates', 'curl', 'locales'],
]

const missingImages = (): Image[] => images.filter(({ tag }) => !succeeds('docker', 'image', 'inspect', tag))

export const hasNodeImages = (): boolean => missingImages().length === 0

/** Builds what is missing, at the same time: most of it is waiting for the mirror and unpacking on one core. */
export async function buildNodeImages(onLine: (line: string) => void): Promise<void> {
  const built = await Promise.allSettled(missingImages().map((image) => build(image, onLine)))
  for (const one of built) if (one.status === 'rejected') throw one.reason
}

async function build(image: Image, onLine: (line: string) => void): Promise<void> {
  if (await canPull(image)) await buildFromPulled(image, onLine)
  else await buildFromBootstrap(image, onLine)
}

const canPull = ({ suite }: Image): Promise<boolean> =>
  run(['timeout', '60', 'docker', 'pull', '-q', `debian:${suite}-slim`]).then(
    () => true,
    () => false,
  )

async function buildFromPulled({ tag, suite }: Image, onLine: (line: string) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'devops-image-'))
  try {
    const install = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`
    const clean = 'apt-get clean && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_*'
    writeFileSync(
      join(folder, 'Dockerfile'),
      `FROM debian:${suite}-slim\nRUN ${install} && ${clean}\nSTOPSIGNAL SIGRTMIN+3\nCMD ["/sbin/init"]\n`,
    )
    await run(['docker', 'build', '-t', tag, folder], onLine)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Where no image can be pulled: the same system out of Debian's packages. */
async function buildFromBootstrap({ tag, suite }: Image, onLine: (line: string) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'devops-image-'))
  const rootfs = join(folder, 'root')
  try {
    const include = `--include=${packages.join(',')}`
    await run(asRoot(['debootstrap', '--variant=minbase', include, suite, rootfs, ...debianMirror()]), onLine)
    const clean = `rm -rf ${rootfs}/etc/ssh/ssh_host_* ${rootfs}/var/lib/apt/lists/* ${rootfs}/var/cache/apt/archives/*.deb`
    await run(asRoot(['sh', '-c', clean]))
    const archive = join(folder, 'root.tar')
    await run(asRoot(['tar', '-C', rootfs, '-cf', archive, '.']), onLine)
    await run(['docker', 'import', '-c', 'CMD ["/sbin/init"]', archive, tag], onLine)
  } finally {
    await run(asRoot(['rm', '-rf', folder]))
  }
}

/** The mirror that this machine uses already, when it is a Debian; none, and debootstrap takes its own default. */
function debianMirror(): string[] {
  for (const file of ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list']) {
    try {
      const found = /^(?:URIs:|deb)\s.*?(https?:\/\/\S+\/debian)\/?(?:\s|$)/m.exec(readFileSync(file, 'utf8'))
      if (found?.[1]) return [found[1]]
    } catch {
      // not there: the next one
    }
  }
  return []
}
