import { statSync } from 'node:fs'
import Docker from 'dockerode'
import type { EngineRules } from '#language'
import { factsOf, faultOfEngine } from '#services/shazam/providers/docker-facts.ts'
import { readAccounts } from './accounts.ts'
import { bad, type Check, good, warning } from './check.ts'

const TIME = 5000
const SOCKET = '/var/run/docker.sock'
const OWN =
  'Give those who do not trust each other an engine each, on a machine of its own: docs/nodes.md, "Servers at docker".'

interface Asked {
  /** User id of the platform: the owner of its data folder. */
  uid: number
  rules: EngineRules
  env: NodeJS.ProcessEnv
}

/** The engine of this machine, on which nodes at `docker` without a credential are made. */
export async function checkEngine({ uid, rules, env }: Asked): Promise<Check[]> {
  const used = !rules.for.every((one) => one === 'none')
  const host = env.DOCKER_HOST
  const where = host ? placeOf(host) : { socketPath: SOCKET }
  if (!where)
    return [
      bad(
        'docker engine',
        `DOCKER_HOST is ${host}, which is no address`,
        'Unset DOCKER_HOST, or write unix:///PATH or tcp://HOST:PORT.',
      ),
    ]
  const access = 'socketPath' in where ? checkSocket(where.socketPath, uid) : checkAddress(host ?? '', env)
  if (access.length === 0)
    return [
      used
        ? warning(
            'docker engine',
            `there is none at ${'socketPath' in where ? where.socketPath : host}: no nodes at docker without a credential`,
            'Install it (apt-get install docker.io), or start the platform with --docker-for none.',
          )
        : good('docker engine', 'none, and none is needed'),
    ]
  const docker = new Docker({ ...where, timeout: TIME })
  const info = await docker.info().catch((error: Error) => error)
  if (info instanceof Error)
    return [
      ...access,
      bad(
        'docker engine',
        `it does not answer: ${info.message}`,
        'Start it: systemctl start docker. See its log: journalctl -u docker.',
      ),
    ]
  return [...access, ...checkFacts(info as Info, used)]
}

function placeOf(host: string): { socketPath: string } | { host: string; port: number } | undefined {
  if (host.startsWith('unix://')) return { socketPath: host.slice('unix://'.length) }
  const url = URL.parse(host)
  if (url?.protocol !== 'tcp:' || url.hostname === '') return undefined
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 2375) }
}

/** Who may use the engine is root on this machine. */
function checkSocket(path: string, uid: number): Check[] {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) return []
  const accounts = readAccounts()
  const group = accounts.groupOf(stat.gid)
  const groupMay = (stat.mode & 0o060) === 0o060
  const members = groupMay && group && group.gid !== 0 ? group.members : []
  const who = [
    accounts.userOf(stat.uid),
    ...(groupMay && group ? [`group ${group.name} (${members.join(', ') || 'nobody'})`] : []),
  ]
  if ((stat.mode & 0o006) !== 0)
    return [
      bad(
        'docker access',
        `every user of this machine may use ${path}, and so become root`,
        `chmod 660 ${path}`,
      ),
    ]
  const checks = [
    good('docker access', `${who.join(' and ')} may use ${path}, which makes them root on this machine`),
  ]
  const user = accounts.userOf(uid)
  const may = uid === 0 || uid === stat.uid || (groupMay && group !== undefined && accounts.isIn(user, group))
  if (may) return checks
  return [
    ...checks,
    warning(
      'docker access',
      `the user of the platform, ${user}, may not use ${path}: no nodes at docker without a credential`,
      `usermod -aG ${group?.name ?? 'docker'} ${user}, and start the platform again`,
    ),
  ]
}

const checkAddress = (host: string, env: NodeJS.ProcessEnv): Check[] =>
  env.DOCKER_TLS_VERIFY
    ? [good('docker access', `${host}, by certificate`)]
    : [
        warning(
          'docker access',
          `anyone who can reach ${host} can use the engine, and so become root on its machine`,
          'Require client certificates (--tlsverify), or let it listen on a socket only.',
        ),
      ]

type Info = Parameters<typeof factsOf>[0]

export function checkFacts(info: Info, used = true): Check[] {
  const facts = factsOf(info)
  const fault = faultOfEngine(facts)
  const options = info.SecurityOptions ?? []
  const seccomp = options.find((text) => text.startsWith('name=seccomp'))
  const tell = used ? warning : (check: string, says: string, _: string) => good(check, says)
  return [
    fault && used
      ? bad('docker engine', fault, 'Use another engine, or start the platform with --docker-for none.')
      : good('docker engine', `Docker ${facts.version}`),
    facts.ownCgroups
      ? good('control groups', `version ${facts.cgroup}, each node has its own`)
      : tell(
          'control groups',
          `version ${facts.cgroup}: a node sees those of the host and of all other nodes`,
          `Docker 28 or newer on a system with control groups version 2 gives each node its own. ${OWN}`,
        ),
    facts.remaps
      ? good('user namespaces', 'remapped: root on a node is not root on this machine')
      : tell('user namespaces', 'not remapped: root on a node can become root on this machine', OWN),
    seccomp
      ? good(
          'seccomp',
          `${/profile=(\S+)/.exec(seccomp)?.[1] ?? 'there'}; nodes run without it, other containers with it`,
        )
      : warning(
          'seccomp',
          'the engine filters no system calls',
          'Use a kernel with CONFIG_SECCOMP and an engine that was built with seccomp.',
        ),
  ]
}
