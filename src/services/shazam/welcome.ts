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
if ! grep -qxF -e "$key" -- "$keys"; then
  [ -z "$(tail -c 1 -- "$keys")" ] || echo >>"$keys"
  printf '%s\\n' "$key" >>"$keys"
fi
chown "devops:$(id -g devops)" "$keys"
chmod 0600 "$keys"
if ! [ -s /etc/sudoers.d/10-devops ]; then
  umask 337
  echo 'devops ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/10-devops.new
  visudo -cqf /etc/sudoers.d/10-devops.new
  mv /etc/sudoers.d/10-devops.new /etc/sudoers.d/10-devops
fi
`

/**
 * Prints what of it is not there yet: `user`, `sudo`, `key`. Changes nothing. What it prints leaves again with the node:
 * what cannot be read is a failure, and not "not there".
 */
export const missing = (publicKey: string): string => `set -eu
entry=$(getent passwd devops) || [ $? = 2 ] || { echo 'getent cannot tell whether user devops is there' >&2; exit 1; }
[ -n "$entry" ] || echo user
[ -s /etc/sudoers.d/10-devops ] || echo sudo
home=$(printf %s "$entry" | cut -d: -f6)
key=${quote(publicKey.trim())}
if [ -z "$home" ] || [ ! -e "$home/.ssh/authorized_keys" ]; then echo key
else grep -qxF -e "$key" -- "$home/.ssh/authorized_keys" || { [ $? = 1 ] && echo key; }
fi
`

/** Shell lines that take a key out of the file `$keys`: all others stay, whatever fails. */
export const withoutKey = (publicKey: string): string => `if [ -f "$keys" ]; then
  keys=$(readlink -f -- "$keys")
  cp -p -- "$keys" "$keys.new" && { grep -vxF -e ${quote(publicKey.trim())} -- "$keys" >"$keys.new" || [ $? = 1 ]; } || { rm -f -- "$keys.new"; exit 1; }
  mv -fT -- "$keys.new" "$keys"
fi`

/**
 * Takes away what a welcome brought, and our notes, for root. We are in as the user who leaves, so that is done when we are gone; with
 * the user everything goes that was his.
 */
export const farewell = (publicKey: string, brought: readonly Brought[]): string => {
  const lines: string[] = []
  if (brought.includes('key'))
    lines.push('keys=$(getent passwd devops | cut -d: -f6)/.ssh/authorized_keys', withoutKey(publicKey))
  if (brought.includes('sudo')) lines.push('rm -f /etc/sudoers.d/10-devops')
  if (brought.includes('user'))
    lines.push(
      "setsid sh -c 'sleep 1; loginctl disable-linger devops; pkill -KILL -u devops; sleep 1; userdel -rf devops' </dev/null >/dev/null 2>&1 &",
    )
  return `${['set -eu', 'rm -rf /var/lib/devops /run/devops', ...lines].join('\n')}\n`
}
