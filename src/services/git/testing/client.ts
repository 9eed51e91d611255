import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { World } from './world.ts'

export interface Told {
  code: number
  /** stdout and stderr. */
  said: string
}

export class Client {
  readonly folder: string
  readonly env: Record<string, string>
  constructor(folder: string, env: Record<string, string>) {
    this.folder = folder
    this.env = env
  }

  /** A work tree with nothing in it, on branch main. */
  async tree(name = 'work'): Promise<Work> {
    const work = new Work(this, join(this.folder, name))
    await this.run('git', ['init', '-q', '-b', 'main', work.folder])
    return work
  }

  run(command: string, args: readonly string[], cwd = this.folder, env = {}, input?: string): Promise<Told> {
    return execute(command, args, {
      cwd,
      env: { ...this.env, ...env },
      ...(input !== undefined && { input }),
    })
  }
}

export class Work {
  readonly client: Client
  readonly folder: string
  constructor(client: Client, folder: string) {
    this.client = client
    this.folder = folder
  }

  git(...args: string[]): Promise<Told> {
    return this.client.run('git', args, this.folder)
  }

  /** Runs git and throws unless it succeeds. */
  async must(...args: string[]): Promise<string> {
    const told = await this.git(...args)
    if (told.code !== 0) throw new Error(`git ${args.join(' ')}: ${told.said}`)
    return told.said.trim()
  }

  async commit(files: Record<string, string | null>, message = 'change'): Promise<string> {
    for (const [path, text] of Object.entries(files)) {
      const full = join(this.folder, path)
      await mkdir(dirname(full), { recursive: true })
      if (text === null) await rm(full)
      else await writeFile(full, text)
    }
    await this.must('add', '-A')
    await this.must('commit', '-q', '--allow-empty', '-m', message)
    return this.must('rev-parse', 'HEAD')
  }
}

export function execute(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; input?: string } = {},
): Promise<Told> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { ...options, timeout: 30_000 }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : 1) : 0
      resolve({ code, said: stdout + stderr })
    })
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input)
  })
}

export async function makeClient(folder: string, user: string, world: Pick<World, 'keys'>): Promise<Client> {
  const home = await mkdtemp(join(folder, `client-${user}-`))
  const key = join(home, 'key')
  await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  const [type, base64] = (await readFile(`${key}.pub`, 'utf8')).split(' ')
  world.keys.set(`${type} ${base64}`, user)
  return new Client(home, {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    HOME: home,
    LC_ALL: 'C.UTF-8',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_AUTHOR_NAME: user,
    GIT_AUTHOR_EMAIL: `${user}@example.com`,
    GIT_COMMITTER_NAME: user,
    GIT_COMMITTER_EMAIL: `${user}@example.com`,
    GIT_SSH_COMMAND: sshCommand(home),
  })
}

const sshCommand = (home: string) =>
  [
    'ssh -F /dev/null -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new',
    `-o UserKnownHostsFile=${home}/known_hosts -i ${home}/key`,
  ].join(' ')
