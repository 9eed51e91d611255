import type { Command } from 'commander'
import { showChecks } from '../checks.ts'
import { collect, examples } from '../command.ts'
import { Failure, wrongUsage } from '../failure.ts'
import type { Session } from '../session.ts'
import { count } from '../text.ts'

interface Options {
  data?: string
  host?: string
  port?: number
  sshPort?: number
  gitPort?: number
  tokenFile?: string
  allowedHost?: string[]
  allowAddress?: string[]
  dockerFor?: string[]
  dockerImage?: string[]
  dockerPort?: string[]
  dockerNetwork?: string[]
  logOut?: string[]
  syslogHost?: string
  syslogPort?: number
  syslogTlsPort?: number
  syslogCert?: string
  syslogKey?: string
  monitorInterval?: number
}

export function server(program: Command, session: Session): void {
  const command = program
    .command('server')
    .description('run the platform until Ctrl-C: API, Git, and the work on nodes')
    .option('--data <dir>', 'folder of everything that lasts')
    .option('--host <address>', 'address to listen on; loopback when absent')
    .option('--port <port>', 'port of the API (7780)', port)
    .option('--ssh-port <port>', 'port of Git over SSH (7722)', port)
    .option('--git-port <port>', 'port of Git over HTTP (7781)', port)
    .option('--token-file <file>', "where the first administrator's token is written instead of the screen")
    .option('--allowed-host <name>', 'name by which browsers may reach it', collect)
    .option('--allow-address <address>', 'address of this machine that may be a node: 127.0.0.1', collect)
    .option('--docker-for <who>', 'owner or repository that may have nodes on its Docker engine (*)', collect)
    .option('--docker-image <image>', 'image that nodes there may have (devops-node:*)', collect)
    .option('--docker-port <port>', 'host port that nodes there may take: 8080, 8000-8999', collect)
    .option(
      '--docker-network <name>',
      "network there that nodes may join, besides their repository's",
      collect,
    )
    .option('--log-out <place>', 'where log lines go too: stdout, otlp=URL, syslog=tcp://HOST:PORT', collect)
    .option('--syslog-port <port>', 'takes syslog of nodes by TCP and UDP at this port', port)
    .option('--syslog-tls-port <port>', 'takes syslog of nodes by TLS at this port', port)
    .option('--syslog-cert <file>', 'certificate for that, PEM')
    .option('--syslog-key <file>', 'its private key, PEM')
    .option('--syslog-host <address>', 'address to take syslog at; that of --host when absent')
    .option('--monitor-interval <seconds>', 'time between two looks whether a node answers (15)', seconds)
    .action(async (options: Options) => {
      if (!session.io.server) throw new Failure('This program cannot run a server.')
      await session.io.server(given(options))
    })
  rekey(command, session)
  doctor(command, session)
  examples(command, 'devops server', 'devops server --data /var/lib/devops --host 0.0.0.0 --port 80')
}

function given({ allowedHost, allowAddress, logOut, ...more }: Options) {
  const { dockerFor, dockerImage, dockerPort, dockerNetwork, ...options } = more
  if (options.syslogTlsPort !== undefined && !(options.syslogCert && options.syslogKey))
    throw wrongUsage('--syslog-tls-port needs --syslog-cert and --syslog-key.')
  return {
    ...options,
    ...(allowedHost ? { allowedHosts: allowedHost } : {}),
    ...(allowAddress ? { allowedAddresses: allowAddress } : {}),
    ...engineOf({ dockerFor, dockerImage, dockerPort, dockerNetwork }),
    ...(logOut ? { logOut } : {}),
  }
}

function engineOf(given: Options) {
  const docker = {
    ...(given.dockerFor && { for: given.dockerFor }),
    ...(given.dockerImage && { images: given.dockerImage }),
    ...(given.dockerPort && { ports: given.dockerPort }),
    ...(given.dockerNetwork && { networks: given.dockerNetwork }),
  }
  return Object.keys(docker).length > 0 ? { docker } : {}
}

function rekey(server: Command, session: Session): void {
  const command = server
    .command('rekey')
    .configureHelp({ showGlobalOptions: false })
    .description('give a platform that is stopped another master key; killed half-way, run it again')
    .option('--data <dir>', 'folder of everything that lasts')
    .action(async (_, self: Command) => {
      if (!session.io.rekey) throw new Failure('This program cannot change a master key.')
      const { renewed, file } = await session.io.rekey(self.optsWithGlobals<Options>().data)
      const place = file === null ? 'in DEVOPS_MASTER_KEY' : `in ${file}`
      session.answer({ renewed, file }, `${count(renewed, 'value')} under the new master key ${place}.\n`)
      session.note(
        'Backups made until now need the former key. Whoever may have had it may have read what it opened: rotate those secrets.\n',
      )
    })
  examples(command, 'devops server rekey --data /var/lib/devops')
}

function doctor(server: Command, session: Session): void {
  const command = server
    .command('doctor')
    .configureHelp({ showGlobalOptions: false })
    .description(
      'look at an installation and say what is wrong and what to do; changes nothing, whether or not a platform runs. ' +
        'Takes the options of `devops server` too: of one that does not run they are judged. Exits 1 when something is bad',
    )
    .option('--data <dir>', 'folder of everything that lasts')
    .option('--backups <dir>', 'folder in which backups lie')
    .option('--json', 'print JSON')
    .action(async ({ backups, json }: { backups?: string; json?: boolean }, self: Command) => {
      if (!session.io.doctor) throw new Failure('This program cannot look at an installation.')
      const checks = await session.io.doctor({
        ...given(self.optsWithGlobals<Options>()),
        ...(backups === undefined ? {} : { backups }),
      })
      if (json) session.printJson(checks)
      else session.print(showChecks(checks, session.paint))
      if (checks.some(({ state }) => state === 'bad')) session.exit(1)
    })
  examples(
    command,
    'devops server doctor',
    'devops server doctor --data /var/lib/devops --backups /var/backups/devops --json',
  )
}

function seconds(text: string): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= 1 && number <= 3600) return number
  throw wrongUsage(`\`${text}\` is no interval.`, 'An interval is a number of seconds from 1 to 3600.')
}

function port(text: string): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number <= 65_535) return number
  throw wrongUsage(`\`${text}\` is no port.`, 'A port is a number from 0 (any free one) to 65535.')
}
