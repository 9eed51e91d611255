import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const program = resolve(import.meta.dirname, '../bin/devops.ts')

export interface Where {
  data: string
  url: string
  ssh: { host: string; port: number }
  adminToken: string
}

export interface Outcome {
  code: number
  /** stdout and stderr as they came. */
  text: string
}

/** Somebody with a key and a token, who uses the platform as people do: git, the CLI, the API. */
export interface Person {
  name: string
  keyFile: string
  token: string
  /** A request to the REST API; throws when the answer is no success. */
  api<T = unknown>(method: string, path: string, body?: unknown): Promise<T>
  /** The CLI. */
  devops(...args: string[]): Promise<Outcome>
  /** The CLI with something on its standard input. */
  devopsWith(input: string, ...args: string[]): Promise<Outcome>
  git(...args: string[]): Promise<Outcome>
  /** Address of a repository over SSH. */
  remote(repo: string): string
  /** A clone of a repository that is there. */
  clone(repo: string): Promise<Clone>
  /** A new repository with a clone of it. */
  repository(name: string): Promise<Clone>
}

export interface Clone {
  repo: string
  folder: string
  /** Writes files; a null text removes one. */
  write(files: Record<string, string | null>): void
  git(...args: string[]): Promise<Outcome>
  /** Commits all and pushes; `options` are push options. */
  push(message?: string, options?: string[]): Promise<Outcome>
}

export async function createPerson(where: Where, name: string): Promise<Person> {
  const home = mkdtempSync(join(where.data, `home-${name}-`))
  const keyFile = join(home, 'id_ed25519')
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', keyFile])
  const admin = request(where.url, where.adminToken)
  await admin('POST', '/v1/users', { name })
  const { token } = await admin<{ token: string }>('POST', `/v1/users/${name}/tokens`, { title: 'tests' })
  await admin('POST', `/v1/users/${name}/keys`, { key: readFileSync(`${keyFile}.pub`, 'utf8').trim() })
  return openPerson(where, { name, keyFile, token })
}

/** Somebody whom the platform knows already. */
export function openPerson(
  where: Where,
  { name, keyFile, token }: Pick<Person, 'name' | 'keyFile' | 'token'>,
): Person {
  const home = dirname(keyFile)
  const env = environment(where, home, keyFile, token)
  const api = request(where.url, token)
  return {
    name,
    keyFile,
    token,
    api,
    devops: (...args) => outcome(process.execPath, [program, ...args], { cwd: home, env }),
    devopsWith: (input, ...args) => outcome(process.execPath, [program, ...args], { cwd: home, env }, input),
    git: (...args) => outcome('git', args, { cwd: home, env }),
    remote: (repo) => remoteOf(where, repo),
    async clone(repo) {
      const copy = await openClone(where, repo, mkdtempSync(join(home, 'clone-')), env)
      await copy.git('pull', '-q', 'origin', 'main')
      return copy
    },
    async repository(repository) {
      const repo = `${name}/${repository}`
      await api('POST', '/v1/repos', { repo: repository })
      return openClone(where, repo, mkdtempSync(join(home, `${repository}-`)), env)
    },
  }
}

const remoteOf = ({ ssh }: Where, repo: string) => `ssh://git@${ssh.host}:${ssh.port}/${repo}.git`

async function openClone(where: Where, repo: string, folder: string, env: NodeJS.ProcessEnv): Promise<Clone> {
  const git = (...args: string[]) => outcome('git', args, { cwd: folder, env })
  await git('init', '-q', '-b', 'main')
  await git('remote', 'add', 'origin', remoteOf(where, repo))
  return {
    repo,
    folder,
    git,
    write(files) {
      for (const [path, text] of Object.entries(files)) {
        const file = join(folder, path)
        if (text === null) rmSync(file)
        else {
          mkdirSync(dirname(file), { recursive: true })
          writeFileSync(file, text)
        }
      }
    },
    async push(message = 'change', options = []) {
      await git('add', '-A')
      await git('commit', '-q', '--allow-empty', '-m', message)
      return git('push', ...options.flatMap((option) => ['-o', option]), 'origin', 'HEAD')
    },
  }
}

function environment(where: Where, home: string, keyFile: string, token: string): NodeJS.ProcessEnv {
  const options = [`-i ${keyFile}`, `-o UserKnownHostsFile=${join(home, 'known_hosts')}`]
  options.push('-o IdentitiesOnly=yes', '-o StrictHostKeyChecking=accept-new', '-F /dev/null')
  return {
    PATH: process.env.PATH,
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'test',
    GIT_AUTHOR_EMAIL: 'test@localhost',
    GIT_COMMITTER_NAME: 'test',
    GIT_COMMITTER_EMAIL: 'test@localhost',
    GIT_SSH_COMMAND: `ssh ${options.join(' ')}`,
    DEVOPS_SERVER: where.url,
    DEVOPS_TOKEN: token,
    NO_COLOR: '1',
  }
}

export function request(url: string, token: string): Person['api'] {
  return async <T>(method: string, path: string, body?: unknown) => {
    const answer = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }
}

function outcome(
  command: string,
  args: string[],
  options: { cwd: string; env: NodeJS.ProcessEnv },
  input = '',
): Promise<Outcome> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
    })
    child.stderr.on('data', (chunk) => {
      text += chunk
    })
    child.on('error', fail)
    child.on('close', (code) => done({ code: code ?? -1, text }))
    // It may end without reading: then there is nobody to tell.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}
