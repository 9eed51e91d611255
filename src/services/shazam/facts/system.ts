import type { Fact, State } from './state.ts'

/** Told once by every probe. Only what stays the same between two changes: no load, no free space, no clock. */
export const system: Fact = {
  name: 'system',
  script: () => `
put() { printf '%s=%s\\n' "$1" "$2"; }
while IFS= read -r line; do put os "$line"; done </etc/os-release
put kernel "$(uname -r)"
put architecture "$(uname -m)"
put cpus "$(nproc)"
while read -r key value _; do case $key in MemTotal: | SwapTotal:) put "$key" "$value" ;; esac; done </proc/meminfo
while read -r path type _; do [ "$type" = Type ] || put swaps "$path"; done </proc/swaps
df -PkT -x tmpfs -x devtmpfs -x efivarfs | while read -r _ _ size _ _ _ mount; do put disk "$size $mount"; done
for address in $(hostname -I); do put address "$address"; done
read -r line </proc/sys/kernel/random/boot_id && put boot_id "$line"
read -r line </proc/sys/kernel/hostname && put hostname "$line"
read -r line </etc/hostname && put static_hostname "$line"
while IFS= read -r line; do put hosts "$line"; done </etc/hosts
{ [ -e /.dockerenv ] || [ -e /run/.containerenv ] || [ -s /run/systemd/container ] || [ -e /dev/lxd/sock ]; } && put container yes
[ -f /home/devops/.ssh/id_ed25519.pub ] && read -r line </home/devops/.ssh/id_ed25519.pub && put pub_key "$line"
`,
  read(answer, state) {
    const all = new Map<string, string[]>()
    for (const line of answer.split('\n')) {
      const cut = line.indexOf('=')
      if (cut > 0) all.set(line.slice(0, cut), [...(all.get(line.slice(0, cut)) ?? []), line.slice(cut + 1)])
    }
    const one = (key: string) => all.get(key)?.[0] ?? ''
    state.system = {
      os: osRelease(all.get('os') ?? []),
      kernel: one('kernel'),
      architecture: one('architecture'),
      cpus: Number(one('cpus')),
      memory: Number(one('MemTotal:')) * 1024,
      swap: Number(one('SwapTotal:')) * 1024,
      swaps: all.get('swaps') ?? [],
      disks: disks(all.get('disk') ?? []),
      addresses: all.get('address') ?? [],
      boot_id: one('boot_id'),
      hostname: one('hostname'),
      static_hostname: one('static_hostname'),
      hosts: all.get('hosts') ?? [],
      container: one('container') === 'yes',
      pub_key: one('pub_key'),
    }
  },
}

function osRelease(lines: string[]): State['system']['os'] {
  const value = (key: string) =>
    lines
      .find((line) => line.startsWith(`${key}=`))
      ?.slice(key.length + 1)
      .replace(/^(["'])(.*)\1$/, '$2') ?? ''
  return {
    id: value('ID'),
    version: value('VERSION_ID'),
    codename: value('VERSION_CODENAME'),
    name: value('PRETTY_NAME'),
  }
}

/** Mounts of single files (a container's /etc/hosts) are no disks. */
function disks(lines: string[]): State['system']['disks'] {
  return lines
    .map((line) => line.split(/ (.*)/))
    .map(([size, mount = '']) => ({ mount, size: Number(size) * 1024 }))
    .filter(({ mount, size }) => size > 0 && mount.startsWith('/') && !mount.startsWith('/etc/'))
}
