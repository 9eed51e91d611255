import { type Composite, listOf, rest } from './item.ts'

const folder = '/etc/devops/firewall'

/**
 * `firewall: drop` or `accept`: what becomes of packets that no rule names. A table of our own, beside those of others;
 * the ports of sshd are open whatever the rules say, and what is connected stays connected.
 */
export const firewall: Composite = (item) => {
  const policy = String(item.firewall)
  if (!['drop', 'accept'].includes(policy))
    throw new Error(`firewall must be drop or accept, got ${JSON.stringify(item.firewall)}`)
  const own = rest(item, 'firewall')
  return [
    { package: 'nftables', ...own },
    { directory: '/etc/devops', ...own },
    { directory: folder, ...own },
    { file: `${folder}.nft`, ...own, content: table(policy), notify: 'reload:devops-firewall' },
    { file: `${folder}-load`, ...own, content: load, mode: '0755', notify: 'reload:devops-firewall' },
    { unit: 'devops-firewall', ...own, content: service, on_change: 'reload', enabled: true, running: true },
    {
      command: 'load the firewall',
      ...own,
      run: `${folder}-load`,
      unless: 'nft -n list table inet devops | cmp -s - /run/devops-firewall',
      requires: 'unit:devops-firewall',
    },
  ]
}

/** `firewall_rule: NAME`, `ports:`, `protocol:` tcp or udp, `from:` addresses or networks, `action:` accept or drop. */
export const firewallRule: Composite = (item) => {
  const { firewall_rule, ports, protocol = 'tcp', from, action = 'accept', ...own } = item
  const name = String(firewall_rule)
  const must = (holds: boolean, wanted: string, got: unknown) => {
    if (!holds) throw new Error(`${wanted}, got ${JSON.stringify(got)}`)
  }
  must(/^[A-Za-z0-9_-]+$/.test(name), 'a rule is named with letters, digits, - and _', firewall_rule)
  must(['tcp', 'udp'].includes(String(protocol)), 'protocol must be tcp or udp', protocol)
  must(['accept', 'drop'].includes(String(action)), 'action must be accept or drop', action)
  const numbers = listOf(ports).map(String)
  must(numbers.every(isPorts), 'ports are numbers to 65535 or ranges (8000-8010)', ports)
  const sources = listOf(from).map(String)
  must(sources.every(isNetwork), 'from are addresses or networks', from)
  must(numbers.length + sources.length > 0, 'a rule needs ports or from', item)
  const port = numbers.length ? `${protocol} dport { ${numbers.join(', ')} } ` : ''
  const families = [
    ['ip', sources.filter((source) => !source.includes(':'))],
    ['ip6', sources.filter((source) => source.includes(':'))],
  ] as const
  const lines = families
    .filter(([, list]) => list.length > 0)
    .map(([family, list]) => `${family} saddr { ${list.join(', ')} } ${port}${action}\n`)
  return [
    {
      file: `${folder}/${name}.nft`,
      ...own,
      content: (lines.length ? lines : [`${port}${action}\n`]).join(''),
      requires: [...listOf(own.requires), `file:${folder}.nft`],
      notify: [...listOf(own.notify), 'reload:devops-firewall'],
    },
  ]
}

/** What nft would not load is said at the push. */
function isPorts(text: string): boolean {
  const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? []
  return from !== undefined && Number(from) <= Number(to) && Number(to) <= 65535
}

function isNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  if (/^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(address))
    return URL.canParse(`http://[${address}]/`) && Number(bits ?? 0) <= 128
  const parts = address.split('.')
  return (
    parts.length === 4 &&
    parts.every((part) => /^\d+$/.test(part) && Number(part) <= 255) &&
    Number(bits ?? 0) <= 32
  )
}

/** ICMP of both kinds by number: their names are in /etc/protocols, which a minimal server does not have. */
const table = (policy: string) => `# Loaded by firewall-load, in one transaction.
table inet devops
delete table inet devops
table inet devops {
  chain input {
    type filter hook input priority filter; policy ${policy};
    tcp dport $ssh accept
    ct state established,related accept
    ct state invalid drop
    iif lo accept
    meta l4proto { 1, 58 } accept
    include "${folder}/*.nft"
  }
}
`

const load = `#!/bin/sh
# The ports of sshd are asked for when the rules are loaded: they are open whatever the rules say.
set -e
ports=$({
  sshd -T 2>/dev/null | sed -n 's/^port //p'
  systemctl show -P Listen ssh.socket 2>/dev/null | sed -n 's/.*:\\([0-9]*\\) (Stream).*/\\1/p'
} | sort -u | paste -sd,)
nft -D "ssh={ \${ports:-22} }" -f ${folder}.nft
nft -n list table inet devops >/run/devops-firewall
`

const service = `[Unit]
Description=Firewall of devo.ps
Wants=network-pre.target
Before=network-pre.target
After=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${folder}-load
ExecReload=${folder}-load
ExecStop=/usr/sbin/nft delete table inet devops

[Install]
WantedBy=multi-user.target
`
