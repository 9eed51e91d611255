import { type Client, createClient } from '#client'
import { type Config, configFile, DEFAULT_SERVER, readConfig } from './config.ts'
import { Failure, wrongUsage } from './failure.ts'
import type { Io } from './io.ts'
import { repoOfFolder } from './remote.ts'
import { table } from './table.ts'
import { type Paint, painter } from './text.ts'

export interface Repo {
  /** `owner/name` */
  id: string
  /** Parameters of the API's paths. */
  path: { owner: string; repo: string }
}

/** What commands share: how to print, whom to ask, which repository is meant. */
export interface Session {
  io: Io
  /** The words of the command line. */
  argv: readonly string[]
  configFile: string
  config: Config
  server: string
  print(text: string): void
  printJson(value: unknown): void
  /** Columns that fit the terminal; whole lines where stdout is none. */
  table(headings: readonly string[], rows: readonly (readonly string[])[]): string
  /** `--json` was given: stdout is JSON, and stderr is JSON, a line each. */
  json: boolean
  /** What came of a command: a value for programs, or a sentence for people. */
  answer(value: unknown, text: string): void
  /** To stderr: about what is going on, not the answer. */
  note(text: string): void
  paint: Paint
  now(): number
  /** Throws when nobody is signed in. */
  client(): Client
  anonymous(server?: string, token?: string): Client
  /** The one named by `--repo`, or that of the current folder. */
  repo(named: string | undefined): Repo
  /** The name behind the token. */
  me(): Promise<string>
  /** Sets the exit code of a command that did not throw. */
  exit(code: number): void
  code: number
}

export function createSession(io: Io, argv: readonly string[] = []): Session {
  const { env } = io
  const file = configFile(env, io.home)
  const config = readConfig(file)
  const server = env.DEVOPS_SERVER || config.server || DEFAULT_SERVER
  // A token belongs to its server: one saved for another must not travel to the one named in the environment.
  const token = env.DEVOPS_TOKEN || (server === (config.server ?? DEFAULT_SERVER) ? config.token : undefined)
  const anonymous = (baseUrl = server, bearer?: string) =>
    createClient({
      baseUrl,
      ...(bearer === undefined ? {} : { token: bearer }),
      ...(io.fetch ? { fetch: io.fetch } : {}),
    })
  const json = wantsJson(argv)
  const session: Session = {
    io,
    argv,
    configFile: file,
    config,
    server,
    print: (text) => io.stdout.write(text),
    printJson: (value) => io.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    table: (headings, rows) =>
      // A terminal that has no size yet says 0.
      table(headings, rows, io.stdout.isTTY ? io.stdout.columns || undefined : undefined),
    json,
    answer: (value, text) => (json ? session.printJson(value) : session.print(text)),
    note: (text) => io.stderr.write(json ? `${JSON.stringify({ note: text.trim() })}\n` : text),
    paint: painter(io.stdout.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb'),
    now: io.now ?? Date.now,
    client() {
      if (!token)
        throw new Failure(`You are not signed in to ${server}.`, `Type \`devops login --server ${server}\`.`)
      return anonymous(server, token)
    },
    anonymous,
    repo: (named) => repoOf(named, io.cwd),
    me: async () => must(await session.client().GET('/v1/me')).user,
    exit(code) {
      session.code = code
    },
    code: 0,
  }
  return session
}

/** What stands after `--` belongs to another program. */
export const wantsJson = (argv: readonly string[]): boolean => {
  const end = argv.indexOf('--')
  return (end < 0 ? argv : argv.slice(0, end)).includes('--json')
}

function repoOf(named: string | undefined, cwd: string): Repo {
  if (named !== undefined && !/^[A-Za-z0-9][\w-]{0,62}\/[A-Za-z0-9][\w-]{0,62}$/.test(named))
    throw wrongUsage(`\`${named}\` is no repository.`, 'Write it as OWNER/NAME: `--repo ann/shop`.')
  const id = named ?? repoOfFolder(cwd)
  if (id === undefined)
    throw wrongUsage(
      'Which repository is meant? This folder is no clone of one.',
      'Name it with `--repo OWNER/NAME`, or go to a folder that is a clone.',
    )
  const [owner = '', repo = ''] = id.split('/')
  return { id, path: { owner, repo } }
}

/** The answer of the client, which throws its refusals. */
export function must<T>({ data }: { data?: T }): NonNullable<T> {
  if (data === undefined || data === null) throw new Failure('The server answered with nothing.')
  return data
}
