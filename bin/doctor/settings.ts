import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { EngineRules } from '#language'
import { hostOf } from '#language/filters.ts'
import type { Settings } from '../hold.ts'
import { bad, type Check, good, warning } from './check.ts'

/** What the settings open to others. */
export const checkSettings = (settings: Settings, now: number): Check[] => [
  checkHost(settings),
  ...checkSyslog(settings, now),
  ...checkAddresses(settings),
  ...checkRules(settings.docker),
]

const isLoopback = (host: string): boolean => /^(127\.|::1$|localhost$)/.test(host)

function checkHost({ host }: Settings): Check {
  if (isLoopback(host)) return good('listening', `at ${host} alone`)
  return warning(
    'listening',
    `at ${hostOf(host)}, where the API and Git over HTTP carry tokens without TLS`,
    'Listen at 127.0.0.1 and put a proxy with TLS before it, or keep the network between them to yourself.',
  )
}

const DAY = 24 * 60 * 60_000

function checkSyslog({ syslog }: Settings, now: number): Check[] {
  if (!syslog) return []
  const plain =
    syslog.plain && !isLoopback(syslog.host)
      ? [
          warning(
            'syslog',
            `at ${hostOf(syslog.host)} without TLS: anyone on the network path can read and forge lines`,
            'Use --syslog-tls-port instead of --syslog-port.',
          ),
        ]
      : []
  return syslog.cert === undefined ? plain : [...plain, checkCertificate(syslog.cert, now)]
}

function checkCertificate(file: string, now: number): Check {
  const end = new X509Certificate(readFileSync(file)).validToDate.getTime()
  const days = Math.floor((end - now) / DAY)
  const advice = `Put a new certificate at ${file} and start the platform again.`
  if (days < 0) return bad('syslog certificate', `${file} has been out of date for ${-days} d`, advice)
  if (days < 14) return warning('syslog certificate', `${file} ends in ${days} d`, advice)
  return good('syslog certificate', `${file} is good for ${days} d`)
}

const checkAddresses = ({ allowedAddresses }: Settings): Check[] =>
  allowedAddresses.length === 0
    ? [good('addresses', 'nothing of this machine or its link may be a node')]
    : [
        warning(
          'addresses',
          `${allowedAddresses.join(', ')} may be nodes, with whatever listens there`,
          'Leave --allow-address out where no node needs it.',
        ),
      ]

/** Networks of the engine in which a container sees the host itself, or everybody else's. */
const OPEN_NETWORKS = ['host', 'bridge', '*']

function checkRules({ for: who, images, ports, networks }: EngineRules): Check[] {
  if (who.every((one) => one === 'none'))
    return [good('docker rules', 'nobody may have nodes on the engine of this machine')]
  const open = who.some((one) => /^\*(\/\*)?$/.test(one))
  const wide = [
    ...(images.includes('*') ? ['any image'] : []),
    ...(ports.some((port) => port.endsWith('*')) ? ['any host port'] : []),
    ...networks.filter((name) => OPEN_NETWORKS.includes(name)).map((name) => `network ${name}`),
  ]
  const rules = `images ${images.join(', ') || '-'}; host ports ${ports.join(', ') || '-'}; networks ${networks.join(', ') || '-'}`
  return [
    open
      ? warning(
          'docker rules',
          'everybody with an account may have nodes on the engine of this machine, and root of such a node can become root here',
          'Name those who may: --docker-for OWNER, or --docker-for none.',
        )
      : good('docker rules', `${who.join(', ')} may have nodes on the engine of this machine`),
    wide.length > 0
      ? warning(
          'docker limits',
          `nodes there may have ${wide.join(' and ')}`,
          'Name what is needed: --docker-image, --docker-port, --docker-network.',
        )
      : good('docker limits', rules),
  ]
}
