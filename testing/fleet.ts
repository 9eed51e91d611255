import { readFileSync } from 'node:fs'
import Docker from 'dockerode'
import { Secret } from '#kit/secret.ts'
import { fingerprintOfLine } from '#kit/ssh-algorithms.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { awaken, containerOptions, execIn } from '#services/shazam/providers/docker-container.ts'
import { engineFacts } from '#services/shazam/providers/docker-facts.ts'
import { welcome } from '#services/shazam/welcome.ts'

export const fleetImage = 'devops-node:12'
const HELP = 'run tools/setup: it starts the engine and makes the image'

/** A real server with systemd and sshd, as a provider would hand it over. */
export interface Machine {
  readonly id: string
  readonly name: string
  readonly ip: string
  /** `SHA256:…` of its host keys. */
  readonly hostKeys: readonly string[]
  readonly root: { user: 'root'; password: string }
  /** Runs a shell text as root through the engine, not through SSH. Throws when it fails. */
  sh(command: string): Promise<string>
  /** Takes the power away and gives it back; resolves when sshd answers again. */
  reboot(): Promise<void>
}

export interface Fleet extends AsyncDisposable {
  readonly machines: readonly Machine[]
  /** The key by which `devops` is entered, when the machines were welcomed. */
  readonly key: { publicKey: string; privateKey: Secret }
}

export interface FleetOptions {
  /** Names whose machines these are, so that what a dead earlier run of the same test left is removed. */
  plane?: string
  /** Leaves out user `devops`: machines as their owner has them before `devops link`. */
  strangers?: boolean
}

/** Throws, with what to do, when real servers cannot be had here. */
export async function requireDocker(): Promise<Docker> {
  const docker = new Docker()
  await docker.ping().catch((error: unknown) => {
    throw new Error(`the Docker engine does not answer; ${HELP}`, { cause: error })
  })
  await docker
    .getImage(fleetImage)
    .inspect()
    .catch((error: unknown) => {
      throw new Error(`image ${fleetImage} is missing; ${HELP}`, { cause: error })
    })
  return docker
}

export async function startFleet(
  n: number,
  { plane = 'fleet', strangers = false }: FleetOptions = {},
): Promise<Fleet> {
  const docker = await requireDocker()
  await removeLeftovers(docker, plane)
  const pair = newKeyPair()
  const key = { publicKey: pair.public, privateKey: new Secret(pair.private) }
  await using stack = new AsyncDisposableStack()
  const network = await createNetwork(docker, plane)
  stack.defer(async () => void (await network.remove()))
  const machines = await Promise.all(
    Array.from({ length: n }, async (_, index) => {
      const container = await createMachine(docker, plane, index, network.id)
      stack.defer(async () => void (await container.remove({ force: true, v: true })))
      return await wake(docker, container, strangers ? '' : welcome(key.publicKey))
    }),
  )
  const undo = stack.move()
  return { machines, key, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

const PASSWORD = 'a machine of a test'

const nameOf = (plane: string, what: string | number) =>
  `fleet-${plane}-${process.pid}-${what}-${Math.random().toString(36).slice(2, 8)}`
const labelsOf = (plane: string) => ({
  'ps.devo.fleet': plane,
  'ps.devo.fleet.process': processMark(process.pid),
})

/** Of its own: an address that a machine gives back for the moment of its reboot is nobody else's to take. */
const createNetwork = (docker: Docker, plane: string): Promise<Docker.Network> =>
  docker.createNetwork({ Name: nameOf(plane, 'net'), Labels: labelsOf(plane) })

async function createMachine(
  docker: Docker,
  plane: string,
  index: number,
  network: string,
): Promise<Docker.Container> {
  const hostname = `machine-${index}`
  const labels = labelsOf(plane)
  const wish = { name: nameOf(plane, index), hostname, image: fleetImage, labels, network }
  return await docker.createContainer(containerOptions(wish, await engineFacts(docker)))
}

async function wake(docker: Docker, container: Docker.Container, prepare: string): Promise<Machine> {
  await container.start()
  const permit = `printf 'PermitRootLogin yes\\nPasswordAuthentication yes\\n' >/etc/ssh/sshd_config.d/fleet.conf
echo 'root:${PASSWORD}' | chpasswd
`
  const keys = await execIn(docker, container, permit + awaken)
  if (prepare) await execIn(docker, container, prepare)
  const { Id, Name, NetworkSettings } = await container.inspect()
  const address = Object.values(NetworkSettings.Networks).find((network) => network.IPAddress)
  return {
    id: Id,
    name: Name.slice(1),
    ip: address?.IPAddress ?? '',
    hostKeys: keys.split('\n').flatMap((line) => fingerprintOfLine(line) ?? []),
    root: { user: 'root', password: PASSWORD },
    sh: (command) => execIn(docker, container, command),
    async reboot() {
      await container.restart({ t: 0 })
      await execIn(docker, container, awaken)
    },
  }
}

/** A process, so that another with the same id after a restart of the machine is not taken for it. */
function processMark(pid: number): string {
  const started = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19]
  return `${pid}.${started}`
}

function lives(mark: string): boolean {
  try {
    return processMark(Number(mark.split('.')[0])) === mark
  } catch {
    return false
  }
}

async function removeLeftovers(docker: Docker, plane: string): Promise<void> {
  const left = await docker.listContainers({ all: true, filters: { label: [`ps.devo.fleet=${plane}`] } })
  const dead = left.filter((one) => !lives(one.Labels['ps.devo.fleet.process'] ?? ''))
  await Promise.all(
    dead.map((one) =>
      docker
        .getContainer(one.Id)
        .remove({ force: true, v: true })
        .catch(() => {}),
    ),
  )
  const networks = await docker.listNetworks({ filters: { label: [`ps.devo.fleet=${plane}`] } })
  const unused = networks.filter(({ Labels }) => !lives(Labels?.['ps.devo.fleet.process'] ?? ''))
  for (const { Id } of unused)
    await docker
      .getNetwork(Id)
      .remove()
      .catch(() => {})
}
