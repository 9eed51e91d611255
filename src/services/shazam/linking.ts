import type { Input, Output } from '#contracts'
import { Problem } from '#kit/problem.ts'
import { Secret } from '#kit/secret.ts'
import { quote } from './quote.ts'
import { enter, type Shazam } from './shazam.ts'
import { type Link, openLink } from './transport/link.ts'
import { welcome } from './welcome.ts'

type Asked = Input<'shazam.link'>

const TIMEOUT = 20_000
const SUPPORTED = ['debian', 'ubuntu']

/**
 * Enters a machine that exists, once, with what its owner gives, and leaves the platform's own key. What the owner gave
 * is kept nowhere. The record is made when the platform has entered by itself.
 */
export const linkNode =
  (shazam: Shazam) =>
  async (asked: Asked): Promise<Output<'shazam.link'>> => {
    const { bus, transport } = shazam
    const { repo, node, host, port } = asked
    const made_from = await describedProvider(shazam, asked)
    const { link, os } = await enterAsOwner(shazam, asked)
    const server = {
      provider: 'ssh',
      id: `${host}:${port}`,
      host,
      port,
      user: 'devops',
      host_keys: [link.hostKey],
      made_from,
    }
    transport.close(repo, node)
    await enter(shazam, asked, server).exec('sudo -n true')
    await bus.ask('registry.record_node', { repo, node, server })
    return { host_key: link.hostKey, os }
  }

async function describedProvider({ bus }: Shazam, { repo, node }: Asked): Promise<Record<string, unknown>> {
  const infrastructure = await bus.ask('git.infrastructure', { repo })
  const found = infrastructure.nodes.find((one) => one.id === node)
  if (!found) throw new Problem('not_found', { what: `node ${node} in ${repo}: push its descriptor first` })
  const { server } = await bus.ask('registry.get_node', { repo, node })
  if (server && server.provider !== 'ssh')
    throw new Problem('conflict', {
      reason: `Node ${node} has a server at ${server.provider} already: remove the node and push, then link`,
    })
  return found.provider
}

async function enterAsOwner(shazam: Shazam, asked: Asked): Promise<{ link: Link; os: string }> {
  const { clock, bus } = shazam
  const { repo, node, host, port, user, password, private_key, host_key } = asked
  if ((password === undefined) === (private_key === undefined))
    throw new Problem('invalid', { reason: 'give either password or private_key' })
  const login = {
    ...(password !== undefined && { password: new Secret(password) }),
    ...(private_key !== undefined && { privateKey: new Secret(private_key) }),
    hostKeys: host_key === undefined ? [] : [host_key],
  }
  const { public_key } = await bus.ask('registry.platform_key', { repo })
  const link = await openLink({ node, host, port, user }, login, { clock, timeout: TIMEOUT })
  try {
    const os = await checkSystem(link)
    await asRootOnce(link, asked, welcome(public_key))
    return { link, os }
  } finally {
    link.close()
  }
}

async function checkSystem(link: Link): Promise<string> {
  const { stdout } = await link.exec('. /etc/os-release && printf "%s\\n%s\\n" "$ID" "$PRETTY_NAME"')
  const [id = '', name = ''] = stdout.split('\n')
  if (SUPPORTED.includes(id)) return name
  const found = name || 'no /etc/os-release'
  throw new Problem('invalid', {
    reason: `the server runs ${found}, supported are ${SUPPORTED.join(' and ')}`,
  })
}

/** sudo may ask for the password that was given; it gets it on its input and shows it to nobody. */
async function asRootOnce(link: Link, { node, user, password }: Asked, script: string): Promise<void> {
  const shell = `sh -c ${quote(script)}`
  const sudo = password === undefined ? 'sudo -n' : "sudo -S -p ''"
  const command = user === 'root' ? shell : `${sudo} ${shell}`
  const stdin = user !== 'root' && password !== undefined ? `${password}\n` : ''
  const { code, stderr } = await link.exec(command, { stdin })
  if (code === 0) return
  if (/sudo: |not in the sudoers|command not found/.test(stderr))
    throw new Problem('sudo_refused', { node, user }, { cause: new Error(stderr) })
  throw new Problem('internal', {
    reason: `the server could not be prepared: ${stderr.trim().slice(0, 500)}`,
  })
}
