import type { Entry, Resource } from './resources/kind.ts'

/** A mistake in these and nobody comes in any more: sshd, who may enter, sudo, network, firewall. */
const paths =
  /^\/etc\/(ssh\/|sudoers|network\/|netplan\/|NetworkManager\/|systemd\/network\/|nftables|iptables|ufw\/|devops\/firewall|hosts\.(allow|deny)$|pam\.d\/(sshd|sudo|common-)|security\/access)|\/\.ssh\/authorized_keys$/
const units =
  /^(ssh|sshd|networking|systemd-networkd|NetworkManager|nftables|ufw|netfilter-persistent|devops-firewall)(\.|$)/

/** Whether a resource can cut the link to the node; `cuts_link: true` says it of any other. */
export function cutsLink(of: Resource | Entry): boolean {
  const { kind, path, name, cuts_link } = of as Entry
  if (cuts_link === true) return true
  if (kind === 'unit') return units.test(String(name))
  return typeof path === 'string' && kind !== 'directory' && paths.test(path)
}
