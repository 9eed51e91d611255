import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../setup/index.ts'
import { shellWord } from '../shell-word.ts'
import { folder, ports, serverUrl, tokenFile, userToken } from './platform.ts'
import { show } from './screen.ts'

const repo = 'demo/hello'
const clone = join(folder, 'hello')
const key = join(folder, 'id_ed25519')

/** Who the demo is, and how that person runs git and the CLI. */
export interface DemoUser {
  repo: string
  token: string
  /** Address of the API. */
  server: string
  env: NodeJS.ProcessEnv
}

export const cli = (...args: string[]): string[] => [process.execPath, join(root, 'bin/devops.ts'), ...args]

export async function prepareUser(): Promise<DemoUser> {
  const env = {
    ...process.env,
    XDG_CONFIG_HOME: folder,
    GIT_SSH_COMMAND: sshCommand(),
    GIT_AUTHOR_NAME: 'demo',
    GIT_AUTHOR_EMAIL: 'demo@localhost',
    GIT_COMMITTER_NAME: 'demo',
    GIT_COMMITTER_EMAIL: 'demo@localhost',
  }
  if (!existsSync(userToken)) await makeUser(env)
  return { repo, token: readFileSync(userToken, 'utf8').trim(), server: await serverUrl(), env }
}

/** ssh splits the value of an option at spaces, so the file stands in quotes of its own. */
const sshCommand = (): string =>
  [
    ...['ssh', '-F', '/dev/null', '-i', key, '-o', 'IdentitiesOnly=yes'],
    ...[
      '-o',
      'StrictHostKeyChecking=accept-new',
      '-o',
      `UserKnownHostsFile="${join(folder, 'known_hosts')}"`,
    ],
  ]
    .map(shellWord)
    .join(' ')

async function makeUser(env: NodeJS.ProcessEnv): Promise<void> {
  const server = await serverUrl()
  const admin = { ...env, DEVOPS_SERVER: server, DEVOPS_TOKEN: readFileSync(tokenFile, 'utf8').trim() }
  if (!existsSync(key)) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'demo', '-f', key])
  await show('devops user add demo', cli('user', 'add', 'demo'), { env: admin })
  await show('devops key add --user demo id_ed25519.pub', cli('key', 'add', '--user', 'demo', `${key}.pub`), {
    env: admin,
  })
  const token = execFileSync(process.execPath, cli('token', 'add', '--user', 'demo', 'demo').slice(1), {
    env: admin,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim()
  await show('devops login', cli('login', '--server', server, '--token', token), { env })
  await show('devops repo create hello', cli('repo', 'create', 'hello'), { env })
  writeFileSync(userToken, token, { mode: 0o600 })
}

/** Pushes `examples/hello` as it is. False when that was done in an earlier run. */
export async function firstPush(user: DemoUser): Promise<boolean> {
  if (existsSync(join(clone, '.git/refs/remotes/origin/main'))) return false
  mkdirSync(clone, { recursive: true })
  cpSync(join(root, 'examples/hello'), clone, { recursive: true })
  const git = (...args: string[]) => execFileSync('git', args, { cwd: clone, env: user.env, stdio: 'pipe' })
  if (!existsSync(join(clone, '.git'))) {
    git('init', '-q', '-b', 'main')
    git('remote', 'add', 'origin', `ssh://git@127.0.0.1:${(await ports()).ssh}/${repo}.git`)
  }
  git('add', '-A')
  git('commit', '-q', '--allow-empty', '-m', 'One server and one task')
  await show('git push -u origin main', ['git', 'push', '-u', 'origin', 'main'], {
    cwd: clone,
    env: user.env,
  })
  return true
}

/** What a second run pushes: another number of nginx workers and another greeting. */
export async function change(user: DemoUser): Promise<void> {
  const file = join(clone, 'nodes/web.yml')
  const before = readFileSync(file, 'utf8')
  const workers = /worker_processes: 2/.test(before) ? 3 : 2
  const after = before
    .replace(/worker_processes: \d+/, `worker_processes: ${workers}`)
    .replace(/greeting: .*/, `greeting: Hello again from devo.ps, at ${new Date().toISOString()}`)
  writeFileSync(file, after)
  await show(
    `git commit -am 'nginx with ${workers} workers'`,
    ['git', 'commit', '-qam', `nginx with ${workers} workers`],
    {
      cwd: clone,
      env: user.env,
    },
  )
  await show('git push', ['git', 'push', 'origin', 'main'], { cwd: clone, env: user.env })
}
