import { Problem } from '#kit/problem.ts'
import { show } from './text.ts'

/** What nodes at the platform's own Docker engine may ask for. An engine of a credential is its owner's affair. */
export interface EngineRules {
  /** Whose nodes it takes: `OWNER`, `OWNER/REPOSITORY` or `*`, where `*` stands for any piece; `none`. */
  for: readonly string[]
  /** Images, by name; `*` stands for any piece. */
  images: readonly string[]
  /** Host ports by number: `8080`, `8000-8999`, `127.0.0.1:5432`, `*`. A free one that the engine chooses always is. */
  ports: readonly string[]
  /** Networks besides the repository's own, by name; `*` stands for any piece. */
  networks: readonly string[]
}

/** Images that the platform brings, and nothing of the machine that another tenant or the platform itself may need. */
export const safeEngineRules: EngineRules = { for: ['*'], images: ['devops-node:*'], ports: [], networks: [] }

/** Throws `invalid` for a port or a name that cannot be meant. */
export function engineRules(given: Partial<EngineRules> = {}): EngineRules {
  const rules = { ...safeEngineRules, ...given }
  const badPort = rules.ports.find((text) => !portRange(text))
  if (badPort !== undefined)
    throw invalid(
      `--docker-port ${badPort} must be a port, a range or *, like 8080, 8000-8999 or 127.0.0.1:5432`,
    )
  const badFor = rules.for.find((text) => !/^[\w*-]+(\/[\w*-]+)?$/.test(text))
  if (badFor !== undefined) throw invalid(`--docker-for ${badFor} must be OWNER, OWNER/REPOSITORY, * or none`)
  return rules
}

const invalid = (reason: string) => new Problem('invalid', { reason })

export interface EngineFault {
  /** Below `provider`. */
  at: (string | number)[]
  message: string
}

/** What a provider's keys ask of the platform's own engine that the rules do not allow. */
export function judgeEngineUse(
  provider: Readonly<Record<string, unknown>>,
  repo: string,
  rules: EngineRules,
): EngineFault[] {
  const fault = (
    at: EngineFault['at'],
    what: string,
    allowed: readonly string[],
    option: string,
  ): EngineFault => ({
    at,
    message: `${what} on the platform's own Docker engine${some(allowed)}. Name a credential for an engine of your own, or ask an administrator: devops server ${option}`,
  })
  const [owner = ''] = repo.split('/')
  if (!rules.for.some((one) => one !== 'none' && fits(one, one.includes('/') ? repo : owner)))
    return [fault([], `${repo} may have no nodes`, [], '--docker-for')]
  const faults: EngineFault[] = []
  const { image, network, ports } = provider
  if (image !== undefined && image !== null && !rules.images.some((one) => fits(one, String(image))))
    faults.push(fault(['image'], `image ${show(image)} is not allowed`, rules.images, '--docker-image'))
  if (typeof network === 'string' && !rules.networks.some((one) => fits(one, network)))
    faults.push(
      fault(['network'], `network ${show(network)} is not allowed`, rules.networks, '--docker-network'),
    )
  if (Array.isArray(ports))
    ports.forEach((text, i) => {
      const asked = hostPort(String(text))
      if (!asked || rules.ports.some((one) => allows(one, asked))) return
      faults.push(fault(['ports', i], `host port ${asked.port} is not allowed`, rules.ports, '--docker-port'))
    })
  return faults
}

const some = (allowed: readonly string[]): string =>
  allowed.length === 0 ? '' : `, which allows ${allowed.join(', ')}`

/** `*` stands for any piece, also for one with slashes and dots. */
function fits(pattern: string, text: string): boolean {
  const pieces = pattern.split('*').map((piece) => piece.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${pieces.join('.*')}$`, 's').test(text)
}

interface HostPort {
  ip: string
  port: number
}

/** Undefined where the engine chooses a free port, and for what is no port: that is refused elsewhere. */
function hostPort(text: string): HostPort | undefined {
  const [, ip = '', port = ''] = /^(?:(\d+\.\d+\.\d+\.\d+):)?(\d*):\d+/.exec(text) ?? []
  return Number(port) === 0 ? undefined : { ip, port: Number(port) }
}

function portRange(text: string): { ip?: string; from: number; to: number } | undefined {
  const found = /^(?:(\d+\.\d+\.\d+\.\d+):)?(?:\*|(\d+)(?:-(\d+))?)$/.exec(text)
  if (!found) return undefined
  const [, ip, first = '1', last = found[2] ?? '65535'] = found
  const [from, to] = [Number(first), Number(last)]
  if (from < 1 || to > 65_535 || from > to) return undefined
  return { ...(ip !== undefined && { ip }), from, to }
}

function allows(rule: string, { ip, port }: HostPort): boolean {
  const range = portRange(rule)
  return range !== undefined && (range.ip ?? ip) === ip && port >= range.from && port <= range.to
}
