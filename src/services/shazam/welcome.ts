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
