import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import type { Schemas } from '#client'
import { hostOf } from '#language/filters.ts'
import { didYouMean } from '../choice.ts'
import { examples, optionsOf } from '../command.ts'
import { Failure, wrongUsage } from '../failure.ts'
import { pinnedHostKeys } from '../host-keys.ts'
import type { Io } from '../io.ts'
import { must, type Repo, type Session } from '../session.ts'

type NodeView = Schemas['NodeView']
type Server = NonNullable<NodeView['server']>

/** More names are no help. */
const MANY = 8

/** Who people are on a node. */
const USER = 'devops'

export function ssh(program: Command, session: Session): void {
  const command = program
    .command('ssh [node] [command...]')
    .description('open a shell on a node, or run a command there; the host key is checked')
    .option('--user <user>', 'who to be there', USER)
    .option('--identity <file>', 'private key to show')
    .action(async (first: string | undefined, words: string[], _, self: Command) => {
      const options = optionsOf<{ user: string; identity?: string }>(self)
      if (options.identity) requireFile(session.io, options.identity)
      const repo = session.repo(options.repo)
      const named = isNamed(
        session.argv,
        [first, ...words].filter((word) => word !== undefined),
      )
      const { node, line } = named
        ? await split(session, repo, first, words)
        : await split(session, repo, undefined, first === undefined ? [] : [first, ...words])
      const server = serverOf(node)
      refuseBehind(node.node, server)
      const folder = mkdtempSync(join(tmpdir(), 'devops-ssh-'))
      try {
        const known = join(folder, 'known_hosts')
        writeFileSync(known, await pinnedHostKeys(node.node, server), { mode: 0o600 })
        const log = join(folder, 'log')
        const args = [
          ...(options.identity ? ['-i', options.identity] : []),
          ...sshOptions(server, options.user, known),
          ...['-E', log],
          '--',
          server.host,
          ...line,
        ]
        const code = (await session.io.exec?.('ssh', args)) ?? 1
        tellOf(session, log, code, { node: node.node, user: options.user })
        session.exit(code)
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  examples(command, 'devops ssh web', 'devops ssh web -- sudo systemctl status nginx')
}

export function sshConfig(program: Command, session: Session): void {
  const command = program
    .command('ssh-config [node]')
    .description('lines for ~/.ssh/config, of a node or of all')
    .option('--known-hosts <file>', 'write their pinned host keys to a file, which the lines name')
    .action(async (id: string | undefined, _, self: Command) => {
      const options = optionsOf<{ knownHosts?: string }>(self)
      const repo = session.repo(options.repo)
      const nodes = await nodesOf(session, repo)
      const chosen = id === undefined ? nodes.filter(({ server }) => server) : [find(nodes, repo, id)]
      if (chosen.length === 0) session.note(`${repo.id} has no servers yet.\n`)
      const file = options.knownHosts && resolve(session.io.cwd, options.knownHosts)
      const pinned = file ? await writeKnownHosts(session, file, chosen) : []
      const text = chosen.map((node) => hostBlock(node, pinned.includes(node) ? file : undefined)).join('\n')
      if (session.json || text) session.answer(chosen.map(hostFacts), text)
    })
  examples(
    command,
    'devops ssh-config >> ~/.ssh/config',
    'devops ssh-config --known-hosts ~/.ssh/known_hosts.shop >> ~/.ssh/config',
  )
}

/** The nodes whose pinned keys are in the file. Of those that cannot be asked from here a note says so. */
async function writeKnownHosts(session: Session, file: string, nodes: NodeView[]): Promise<NodeView[]> {
  const found = await Promise.all(
    nodes.map(async (node) => {
      try {
        const server = serverOf(node)
        refuseBehind(node.node, server)
        return { node, lines: await pinnedHostKeys(node.node, server) }
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        session.note(`${error.message}\n`)
        return undefined
      }
    }),
  )
  const pinned = found.filter((each) => each !== undefined)
  writeFileSync(file, pinned.map(({ lines }) => lines).join(''), { mode: 0o600 })
  return pinned.map(({ node }) => node)
}

function requireFile({ cwd }: Io, file: string): void {
  const path = resolve(cwd, file)
  if (!existsSync(path)) throw wrongUsage(`There is no file ${path}.`, 'Name the private key to show.')
}

/** False for `ssh -- uptime`, where all words are the command and the sole node is meant. */
function isNamed(argv: readonly string[], words: readonly string[]): boolean {
  const dashes = argv.indexOf('--')
  return dashes < 0 || argv.length - dashes - 1 < words.length
}

async function split(session: Session, repo: Repo, first: string | undefined, words: string[]) {
  const nodes = await nodesOf(session, repo)
  if (first !== undefined) return { node: find(nodes, repo, first), line: words }
  const servers = nodes.filter(({ server }) => server)
  const [only] = servers
  if (only && servers.length === 1) return { node: only, line: words }
  throw wrongUsage(
    `${repo.id} has ${servers.length === 0 ? 'no servers yet' : `${servers.length} servers`}.`,
    servers.length === 0
      ? 'Make one with `devops sync`.'
      : `Name one: ${servers.map(({ node }) => node).join(', ')}.`,
  )
}

const nodesOf = async (session: Session, { path }: Repo): Promise<NodeView[]> =>
  must(await session.client().GET('/v1/repos/{owner}/{repo}/nodes', { params: { path } }))

function find(nodes: NodeView[], repo: Repo, id: string): NodeView {
  const node = nodes.find((one) => one.node === id)
  if (node) return node
  const names = nodes.map((one) => one.node)
  throw new Failure(
    `There is no node ${id} in ${repo.id}${didYouMean(id, names) || '.'}`,
    names.length > MANY ? '`devops list nodes` shows them.' : `There are: ${names.join(', ') || 'none'}.`,
  )
}

function serverOf({ node, server }: NodeView): Server {
  if (!server)
    throw new Failure(
      `Node ${node} has no server yet.`,
      `Make it with \`devops sync ${node}\`, or \`devops link ${node}\`.`,
    )
  // Addresses become arguments of a program: one that looks like an option is none.
  if (!/^[A-Za-z0-9:[][A-Za-z0-9.:_-]*\]?$/.test(server.host))
    throw new Failure(`\`${server.host}\` is no address of a server.`)
  return server
}

/** The keys of a server behind another cannot be asked for from here, and an unchecked one is no option. */
function refuseBehind(node: string, { jump, host }: Server): void {
  if (!jump) return
  const over = jumpWord(jump)
  throw new Failure(
    `${node} lies behind ${over}, so its host key cannot be checked from here.`,
    `Go by hand, and compare the key with \`devops info ${node}\`: ssh -J ${over} ${USER}@${host}`,
  )
}

const jumpWord = (jump: NonNullable<Server['jump']>): string =>
  'node' in jump ? jump.node : `${jump.user}@${hostOf(jump.host)}:${jump.port}`

/** What ssh itself had to say. It knows of no key that it may show, and asks for no password: nodes take none. */
function tellOf(
  { io }: Session,
  log: string,
  code: number,
  { node, user }: { node: string; user: string },
): void {
  const said = existsSync(log) ? readFileSync(log, 'utf8') : ''
  if (code === SSH_FAILED && /Permission denied/.test(said))
    throw new Failure(
      `${node} takes none of the keys that ssh has for ${user}.`,
      'It takes those of `devops key list`, from its next sync on. Add yours with `devops key add FILE.pub`, or name its private half with --identity.',
      SSH_FAILED,
    )
  io.stderr.write(said)
}

/** Exit code of ssh when it could not connect or log in. */
const SSH_FAILED = 255

const sshOptions = ({ port }: Server, user: string, known: string): string[] => [
  ...['-p', String(port), '-l', user],
  ...['-o', `UserKnownHostsFile=${known}`, '-o', 'GlobalKnownHostsFile=/dev/null'],
  ...['-o', 'StrictHostKeyChecking=yes', '-o', 'ForwardAgent=no'],
  // Nodes take keys alone: a question for a password has no right answer.
  ...['-o', 'PreferredAuthentications=publickey', '-o', 'PasswordAuthentication=no'],
]

/** What a line of ~/.ssh/config says, for programs. */
function hostFacts(node: NodeView) {
  const { host, port, jump, host_keys } = serverOf(node)
  return { node: node.node, host, port, user: USER, host_keys, jump: jump ? jumpWord(jump) : null }
}

function hostBlock(node: NodeView, known: string | undefined): string {
  const { host, port, jump } = serverOf(node)
  return [
    `Host ${node.node}`,
    `  HostName ${host}`,
    `  Port ${port}`,
    `  User ${USER}`,
    ...(jump ? [`  ProxyJump ${jumpWord(jump)}`] : []),
    ...(known
      ? [`  UserKnownHostsFile "${known}"`, '  GlobalKnownHostsFile /dev/null', '  StrictHostKeyChecking yes']
      : []),
    '  ForwardAgent no',
    '',
  ].join('\n')
}
