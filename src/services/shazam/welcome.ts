import type { Brought } from '#contracts/registry.ts'
import { quote } from './quote.ts'

/**
 * A shell text, for root, that lets the platform in: user `devops` with its key and passwordless sudo. Repeating it
 * changes nothing. A new sudoers file is checked before it is put in place.
 */
export const welcome = (publicKey: string): string => `set -eu
id devops >/dev/null 2>&1 || useradd --create-home --shell /bin/bash devops
home=$(getent passwd devops | cut -d: -f6)
install -d -m 0700 -o devops -g "$(id -g devops)" "$home/.ssh"
keys="$home/.ssh/authorized_keys"
touch "$keys"
key=${quote(publicKey.trim())}
grep -qxF "$key" "$keys" || printf '%s\\n' "$key" >>"$keys"
chown "devops:$(id -g devops)" "$keys"
chmod 0600 "$keys"
if ! [ -s /etc/sudoers.d/10-devops ]; then
  umask 337
  echo 'devops ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/10-devops.new
  visudo -cqf /etc/sudoers.d/10-devops.new
  mv /etc/sudoers.d/10-devops.new /etc/sudoers.d/10-devops
fi
`

/** Prints what of it is not there yet: `user`, `sudo`, `key`. Changes nothing. */
export const missing = (publicKey: string): string => `set -eu
id devops >/dev/null 2>&1 || echo user
[ -s /etc/sudoers.d/10-devops ] || echo sudo
home=$(getent passwd devops | cut -d: -f6)
key=${quote(publicKey.trim())}
[ -n "$home" ] && grep -qxF "$key" "$home/.ssh/authorized_keys" 2>/dev/null || echo key
`

/**
 * Takes away what a welcome brought, and our notes, for root. We are in as the user who leaves, so that is done when we are gone; with
 * the user everything goes that was his.
 */
export const farewell = (publicKey: string, brought: readonly Brought[]): string => {
  const lines: string[] = []
  if (brought.includes('key'))
    lines.push(
      'keys=$(getent passwd devops | cut -d: -f6)/.ssh/authorized_keys',
      `if [ -f "$keys" ]; then grep -vxF ${quote(publicKey.trim())} "$keys" >"$keys.new" || true; cat "$keys.new" >"$keys"; rm -f "$keys.new"; fi`,
    )
  if (brought.includes('sudo')) lines.push('rm -f /etc/sudoers.d/10-devops')
  if (brought.includes('user'))
    lines.push(
      "setsid sh -c 'sleep 1; loginctl disable-linger devops; pkill -KILL -u devops; sleep 1; userdel -rf devops' </dev/null >/dev/null 2>&1 &",
    )
  return `${['set -eu', 'rm -rf /var/lib/devops /run/devops', ...lines].join('\n')}\n`
}
