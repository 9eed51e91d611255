import type { Bus } from '#bus'
import type { Input, Output } from '#contracts'
import type { Brought, Server } from '#contracts/registry.ts'
import { isOwnAddress } from '#kit/own-interfaces.ts'
import { Problem } from '#kit/problem.ts'
import { Secret } from '#kit/secret.ts'
import { stillMay } from '#kit/still-may.ts'
import { hostOf } from '#language/filters.ts'
import { readHost } from './host-address.ts'
import { jumpAddress, readJump } from './jump.ts'
import { quote } from './quote.ts'
import { enter, type Shazam } from './shazam.ts'
import { type Link, openLink } from './transport/link.ts'
import { missing, welcome } from './welcome.ts'

type Asked = Input<'shazam.link'>

const TIMEOUT = 20_000
const SUPPORTED = ['debian', 'ubuntu']

/**
 * Enters a machine that exists, once, with what its owner gives, and leaves the platform's own key. What the owner gave
 * is kept nowhere. The record is made when the platform has entered by itself.
 */
export const linkNode =
  (shazam: Shazam) =>
  async (written: Asked): Promise<Output<'shazam.link'>> => {
    const { bus, transport } = shazam
    const begun = shazam.clock.now()
    const asked = { ...written, host: readHost(written.host) }
    const { repo, node, host, port } = asked
    const { made_from, former } = await describedProvider(shazam, asked)
    const wish: Server = {
      provider: 'ssh',
      id: `${hostOf(host)}:${port}`,
      host,
      port,
      user: 'devops',
      host_keys: [],
      made_from,
      ...jumpOf(asked, made_from),
    }
    const { hostKey, address, os, brought } = await enterAsOwner(shazam, asked, wish)
    const told = {
      host_key: hostKey,
      os,
      changes: brought.map((what) => sentences[what]),
      warnings: address !== undefined && isOwnAddress(address) ? [ownMachine(address, repo)] : [],
    }
    if (asked.only_look) return told
    // What a former link of the same machine brought is still ours.
    const ours = former?.id === wish.id ? (former.brought ?? []) : []
    const server = { ...wish, host_keys: [hostKey], brought: [...new Set([...ours, ...brought])] }
    transport.close(repo, node)
    await enter(shazam, asked, server).exec('sudo -n true')
    // The way there may have pinned its own key meanwhile.
    const { server: now } = await bus.ask('registry.get_node', { repo, node })
    const jump = now?.id === server.id && now.jump ? { jump: now.jump } : {}
    await mayLink(bus, asked)
    await bus.ask('registry.record_node', { repo, node, begun, server: { ...server, ...jump } })
    return told
  }

/** Some want just that, and have root there already: else they could not link it. */
const ownMachine = (address: string, repo: string): string =>
  `${address} is the platform’s own machine: whoever may push to ${repo} will be root there, over the keys and secrets of every repository`

const sentences: Record<Brought, string> = {
  user: 'makes the user devops',
  sudo: 'lets devops use sudo without a password (/etc/sudoers.d/10-devops)',
  key: 'lets the platform in as devops by its key (~devops/.ssh/authorized_keys)',
}

function jumpOf({ jump, repo, node }: Asked, provider: Record<string, unknown>): Pick<Server, 'jump'> {
  const text = jump ?? provider.jump
  if (text === undefined) return {}
  const read = readJump(String(text), repo)
  if ('node' in read && read.node === node)
    throw new Problem('invalid', { reason: `the way to ${node} cannot lead over itself` })
  return { jump: read }
}

async function describedProvider({ bus }: Shazam, { repo, node }: Asked) {
  const infrastructure = await bus.ask('git.infrastructure', { repo })
  const found = infrastructure.nodes.find((one) => one.id === node)
  if (!found) throw new Problem('not_found', { what: `node ${node} in ${repo}: push its descriptor first` })
  const { server } = await bus.ask('registry.get_node', { repo, node })
  if (server && server.provider !== 'ssh')
    throw new Problem('conflict', {
      reason: `Node ${node} has a server at ${server.provider} already: remove the node and push, then link`,
    })
  return { made_from: found.provider as Record<string, unknown>, former: server }
}

/** A machine takes its time to be entered: whoever has lost the right meanwhile leaves nothing on it. */
export const mayLink = async (bus: Bus, { by, repo }: Pick<Asked, 'by' | 'repo'>): Promise<void> =>
  by === undefined ? undefined : stillMay(bus, by, 'node.link', repo)

interface Entered {
  hostKey: string
  address: string | undefined
  os: string
  brought: Brought[]
}

async function enterAsOwner(shazam: Shazam, asked: Asked, wish: Server): Promise<Entered> {
  const { clock, bus, transport, outbound } = shazam
  const { repo, node, host, port, user, password, private_key, host_key } = asked
  if ((password === undefined) === (private_key === undefined))
    throw new Problem('invalid', { reason: 'give either password or private_key' })
  const login = {
    ...(password !== undefined && { password: new Secret(password) }),
    ...(private_key !== undefined && { privateKey: new Secret(private_key) }),
    hostKeys: host_key === undefined ? [] : [host_key],
  }
  const { public_key } = await bus.ask('registry.platform_key', { repo })
  const target = { node, host, port, user }
  const way = wish.jump && (await transport.forward(await jumpAddress(shazam, asked, wish), target))
  const link = await openLink(target, login, { clock, timeout: TIMEOUT, outbound, ...(way && { way }) })
  try {
    const os = await checkSystem(link, node)
    const brought = (await asRootOnce(link, asked, missing(public_key))).split(/\s+/).filter(Boolean)
    if (!asked.only_look) {
      await mayLink(bus, asked)
      await asRootOnce(link, asked, welcome(public_key))
    }
    const { hostKey, address } = link
    return { hostKey, address, os, brought: brought as Brought[] }
  } finally {
    link.close()
  }
}

async function checkSystem(link: Link, node: string): Promise<string> {
  const { stdout } = await link.exec(
    '. /etc/os-release && printf "%s\\n%s\\n" "$ID" "$PRETTY_NAME"; [ ! -d /run/systemd/system ] || echo systemd',
  )
  const [id = '', name = '', init = ''] = stdout.split('\n')
  if (SUPPORTED.includes(id)) {
    if (init !== 'systemd') throw new Problem('no_systemd', { node })
    return name
  }
  const found = name || 'no /etc/os-release'
  throw new Problem('invalid', {
    reason: `the server runs ${found}, supported are ${SUPPORTED.join(' and ')}`,
  })
}

/** sudo may ask for the password that was given; it gets it on its input and shows it to nobody. */
async function asRootOnce(link: Link, { node, user, password }: Asked, script: string): Promise<string> {
  const shell = `sh -c ${quote(script)}`
  const sudo = password === undefined ? 'sudo -n' : "sudo -S -p ''"
  const command = user === 'root' ? shell : `${sudo} ${shell}`
  const stdin = user !== 'root' && password !== undefined ? `${password}\n` : ''
  const { code, stdout, stderr } = await link.exec(command, { stdin })
  if (code === 0) return stdout
  if (/sudo: |not in the sudoers|command not found/.test(stderr))
    throw new Problem('sudo_refused', { node, user }, { cause: new Error(stderr) })
  throw new Problem('internal', {
    reason: `the server could not be prepared: ${stderr.trim().slice(0, 500)}`,
  })
}
