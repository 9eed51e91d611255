import { quote } from '../quote.ts'
import { MADE, PENDING } from './journal.ts'
import type { Boot, Fact, State } from './state.ts'

const at = {
  os: '/etc/os-release',
  kernel: '/proc/sys/kernel/osrelease',
  cpus: '/sys/devices/system/cpu/online',
  memory: '/proc/meminfo',
  swaps: '/proc/swaps',
  boot_id: '/proc/sys/kernel/random/boot_id',
  hostname: '/proc/sys/kernel/hostname',
  static_hostname: '/etc/hostname',
  hosts: '/etc/hosts',
  reboot: '/run/reboot-required',
  reboot_packages: '/run/reboot-required.pkgs',
  pub_key: '/home/devops/.ssh/id_ed25519.pub',
}

/**
 * Told by every probe. Only what stays the same between two changes: no load, no free space, no clock. One `grep` reads
 * all small files at once, a line each with the file's name: a process for each would cost more than all the rest.
 */
export const system: Fact = {
  name: 'system',
  script: ({ texts, boot }) => `
within grep -asHZ '' ${quote([...new Set([...Object.values(at), MADE, PENDING, ...texts])])} /sys/block/*/size
echo =disks
within df -PklT -x tmpfs -x devtmpfs -x efivarfs
echo =addresses
within hostname -I
echo =init
[ -d /run/systemd/system ] && echo systemd
echo =container
{ [ -e /.dockerenv ] || [ -e /run/.containerenv ] || [ -s /run/systemd/container ] || [ -e /dev/lxd/sock ]; } && echo yes
read -r boot <${at.boot_id}
if [ "$boot" != ${quote(boot?.boot_id ?? '')} ]; then
echo =architecture
uname -m
echo =cpu
grep -m1 '^model name' /proc/cpuinfo
echo =virtualization
within systemd-detect-virt
fi
`,
  read(answer, state, { texts, boot }) {
    const [files = '', ...parts] = answer.split(/^=/m)
    const lines = byFile(files)
    const one = (path: string) => lines.get(path)?.[0] ?? ''
    const part = (name: string) =>
      parts.find((text) => text.startsWith(`${name}\n`))?.slice(name.length + 1) ?? ''
    const boot_id = one(at.boot_id)
    for (const path of texts) if (lines.has(path)) state.texts.set(path, lines.get(path) ?? [])
    state.made = new Set(lines.get(MADE))
    state.pending = new Set(lines.get(PENDING))
    state.system = {
      os: osRelease(lines.get(at.os) ?? []),
      kernel: one(at.kernel),
      cpus: countRanges(one(at.cpus)),
      memory: kilobytes(lines.get(at.memory) ?? [], 'MemTotal'),
      swap: kilobytes(lines.get(at.memory) ?? [], 'SwapTotal'),
      swaps: (lines.get(at.swaps) ?? []).slice(1).map((line) => line.split(/\s/)[0] ?? ''),
      devices: devices(lines),
      disks: disks(part('disks')),
      addresses: part('addresses').split(/\s+/).filter(Boolean),
      hostname: one(at.hostname),
      static_hostname: one(at.static_hostname),
      hosts: lines.get(at.hosts) ?? [],
      reboot_required: lines.has(at.reboot),
      reboot_packages: [...new Set(lines.get(at.reboot_packages))].toSorted(),
      systemd: part('init').trim() === 'systemd',
      container: part('container').trim() === 'yes',
      pub_key: one(at.pub_key),
      ...(boot?.boot_id === boot_id ? sinceBoot(boot) : tellBoot(boot_id, part)),
    }
  },
}

const sinceBoot = ({ boot_id, architecture, cpu_model, virtualization }: Boot): Boot => ({
  boot_id,
  architecture,
  cpu_model,
  virtualization,
})

const tellBoot = (boot_id: string, part: (name: string) => string): Boot => ({
  boot_id,
  architecture: part('architecture').trim(),
  cpu_model: part('cpu')
    .replace(/^[^:]*:/, '')
    .trim(),
  virtualization: part('virtualization').trim(),
})

/** `FILE`, NUL, `LINE`. */
function byFile(answer: string): Map<string, string[]> {
  const files = new Map<string, string[]>()
  for (const line of answer.split('\n')) {
    const cut = line.indexOf('\0')
    const known = files.get(line.slice(0, cut))
    if (known) known.push(line.slice(cut + 1))
    else if (cut > 0) files.set(line.slice(0, cut), [line.slice(cut + 1)])
  }
  return files
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

/** `0-3,6` is five. */
function countRanges(text: string): number {
  const sizes = text.split(',').map((range) => range.split('-').map(Number))
  return sizes.reduce((sum, [from = 0, to = from]) => sum + to - from + 1, 0)
}

const kilobytes = (lines: string[], key: string) =>
  Number(lines.find((line) => line.startsWith(`${key}:`))?.match(/\d+/)?.[0] ?? 0) * 1024

/** What stands for a file, for memory, or for a drive that may be empty is no disk. */
const noDisk = /^(loop|ram|zram|sr|fd|nbd)\d/

/** `/sys/block/sda/size`, in sectors of 512 bytes. */
function devices(lines: Map<string, string[]>): State['system']['devices'] {
  return [...lines]
    .flatMap(([path, [sectors]]) => {
      const [, name] = /^\/sys\/block\/([^/]+)\/size$/.exec(path) ?? []
      return name && !noDisk.test(name) ? [{ name, size: Number(sectors) * 512 }] : []
    })
    .filter(({ size }) => size > 0)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Mounts of single files (a container's /etc/hosts) are no disks. */
function disks(text: string): State['system']['disks'] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/))
    .map(([, , size, , , , ...mount]) => ({ mount: mount.join(' '), size: Number(size) * 1024 }))
    .filter(({ mount, size }) => size > 0 && mount.startsWith('/') && !mount.startsWith('/etc/'))
}
