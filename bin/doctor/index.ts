import { statSync } from 'node:fs'
import { engineRules } from '#language'
import { type Held, type Settings, whoHolds } from '../hold.ts'
import { defaultData, defaultPorts, type ServeOptions } from '../server.ts'
import { checkBackups } from './backups.ts'
import { bad, type Check, good, look } from './check.ts'
import { checkEngine } from './engine.ts'
import { checkFolder } from './folder.ts'
import { checkAnswer, checkPorts } from './listeners.ts'
import { checkClock, checkGit } from './machine.ts'
import { checkSettings } from './settings.ts'
import { checkStore } from './store.ts'

export interface DoctorOptions extends ServeOptions {
  /** Folder in which backups lie. */
  backups?: string
}

/**
 * Looks at an installation and changes nothing, while a platform runs on it and while none does. The settings are those of
 * the platform that runs; of one that does not, those that are given here, as to `devops server`.
 */
export async function examine(
  options: DoctorOptions,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Check[]> {
  const data = options.data ?? defaultData()
  const now = Date.now()
  const stat = statSync(data, { throwIfNoEntry: false })
  const held = stat?.isDirectory() ? await heldBy(data) : {}
  const settings = held.by?.settings ?? settingsOf(options)
  const runs = held.runs === true
  const ofFolder = stat?.isDirectory()
    ? [
        ...(await look('data folder', () => checkFolder(data))),
        ...(held.checks ?? []),
        ...(await look('store', () => checkStore(data, runs, env))),
      ]
    : [
        bad(
          'data folder',
          stat ? `${data} is no folder` : `${data} is not there`,
          'Start `devops server` once, which makes it, or name the folder with --data.',
        ),
      ]
  return [
    ...ofFolder,
    ...(await look('platform', () => checkListening(options, settings, held))),
    ...(await look('clock', checkClock)),
    ...(await look('git', () => checkGit())),
    ...(await look('docker engine', () => checkEngine({ uid: stat?.uid ?? 0, rules: settings.docker, env }))),
    ...(await look('settings', () => checkSettings(settings, now))),
    ...(await look('backups', () => checkBackups(options.backups, now))),
  ]
}

interface Found {
  runs?: boolean
  by?: Held['by']
  checks?: Check[]
}

/** A lock that is held says that a platform runs, which is nothing wrong. */
async function heldBy(data: string): Promise<Found> {
  let found: Held | undefined
  const checks = await look('lock', () => {
    found = whoHolds(data)
    return [good('lock', found ? found.says : 'free: no platform runs on this folder')]
  })
  return { runs: found !== undefined, by: found?.by, checks }
}

function checkListening(options: DoctorOptions, settings: Settings, { runs, by }: Found) {
  if (by?.command === 'devops server') return checkAnswer(settings.host, by.ports.api)
  if (runs) return []
  const { port = defaultPorts.api, sshPort = defaultPorts.ssh, gitPort = defaultPorts.git } = options
  return checkPorts(settings.host, { api: port, ssh: sshPort, git: gitPort })
}

const settingsOf = (options: DoctorOptions): Settings => ({
  host: options.host ?? '127.0.0.1',
  allowedAddresses: options.allowedAddresses ?? [],
  docker: engineRules(options.docker),
  ...(options.syslogPort === undefined && options.syslogTlsPort === undefined
    ? {}
    : {
        syslog: {
          host: options.syslogHost ?? options.host ?? '127.0.0.1',
          plain: options.syslogPort !== undefined,
          ...(options.syslogCert && { cert: options.syslogCert }),
        },
      }),
})
