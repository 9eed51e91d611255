import { Command, Help, type Option } from 'commander'
import { approve, refuse } from './commands/approve.ts'
import { audit } from './commands/audit.ts'
import { cancel } from './commands/cancel.ts'
import { collaborator } from './commands/collaborator.ts'
import { completion } from './commands/completion.ts'
import { credential } from './commands/credential.ts'
import { info } from './commands/info.ts'
import { init } from './commands/init.ts'
import { key } from './commands/key.ts'
import { link } from './commands/link.ts'
import { list } from './commands/list.ts'
import { login, logout } from './commands/login.ts'
import { logs } from './commands/logs.ts'
import { passwd } from './commands/passwd.ts'
import { password } from './commands/password.ts'
import { plan } from './commands/plan.ts'
import { power } from './commands/power.ts'
import { repo } from './commands/repo.ts'
import { retry } from './commands/retry.ts'
import { rollback } from './commands/rollback.ts'
import { run } from './commands/run.ts'
import { secret } from './commands/secret.ts'
import { server } from './commands/server.ts'
import { ssh, sshConfig } from './commands/ssh.ts'
import { status } from './commands/status.ts'
import { sync } from './commands/sync.ts'
import { token } from './commands/token.ts'
import { trust } from './commands/trust.ts'
import { unlink } from './commands/unlink.ts'
import { user } from './commands/user.ts'
import { validate } from './commands/validate.ts'
import { variable } from './commands/variable.ts'
import { webhook } from './commands/webhook.ts'
import type { Output } from './io.ts'
import type { Session } from './session.ts'

const commands = [
  server,
  init,
  validate,
  login,
  logout,
  passwd,
  list,
  info,
  status,
  plan,
  sync,
  rollback,
  run,
  cancel,
  retry,
  approve,
  refuse,
  webhook,
  logs,
  ssh,
  sshConfig,
  link,
  unlink,
  trust,
  power,
  variable,
  secret,
  password,
  repo,
  collaborator,
  key,
  token,
  credential,
  audit,
  user,
  completion,
]

/** Of lines that go to no terminal. */
const WIDTH = 100

/** A terminal that has no size yet says 0. */
const widthOf = ({ isTTY, columns }: Output): number => (isTTY && columns ? columns : WIDTH)

/** Below the help of each command: what it takes of the program's options. */
function globalOptions(this: Help, command: Command): Option[] {
  return Help.prototype.visibleGlobalOptions.call(this, command).filter(({ long }) => long !== '--version')
}

/** What they print is that of another program, or a program itself. */
const noJson = ['server', 'ssh', 'completion']

/** Whatever a command prints, a program can read: a command of tomorrow, too. */
function offerJson(command: Command): void {
  command.commands.forEach(offerJson)
  if (noJson.includes(command.name()) || command.commands.length > 0) return
  if (!command.options.some(({ long }) => long === '--json')) command.option('--json', 'print JSON')
}

export function buildProgram(session: Session): Command {
  const { io } = session
  const program = new Command('devops')
    .description('Servers and jobs from Git.')
    .option('--repo <owner/name>', 'repository; default: that of the current folder')
    .version(io.version ?? 'unknown', '--version', 'print the version of this program')
    .configureHelp({ showGlobalOptions: true, minWidthToWrap: 10, visibleGlobalOptions: globalOptions })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      // Refusals are printed by their own sentences: see usage.ts.
      outputError: () => {},
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      getOutHelpWidth: () => widthOf(io.stdout),
      getErrHelpWidth: () => widthOf(io.stderr),
    })
    .addHelpText('after', '\nStart with `devops server`, `devops login` and `devops init`.')
    .exitOverride()
  for (const add of commands) add(program, session)
  offerJson(program)
  return program
}
