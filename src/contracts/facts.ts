import Type from 'typebox'
import { strict } from './define.ts'

const bytes = (description: string) => Type.Integer({ description: `${description}, in bytes` })
const text = (description: string) => Type.String({ description })

/**
 * What every sync reads of a node: `NODE.facts.…`. Nothing in it moves by itself: no load, no free space, no clock.
 * Empty texts and lists where a node does not tell.
 */
export const Facts = strict({
  os: strict({
    id: text('`debian`, `ubuntu`'),
    version: text('`12`'),
    codename: text('`bookworm`'),
    name: text('`Debian GNU/Linux 12 (bookworm)`'),
  }),
  kernel: text('release of the kernel'),
  architecture: text('`x86_64`, `aarch64`'),
  cpu: strict({
    count: Type.Integer({ description: 'processors that are online' }),
    model: text('model of the processor; empty where the kernel does not tell'),
  }),
  memory: strict({ total: bytes('main memory'), swap: bytes('swap space') }),
  disks: Type.Array(strict({ name: text('`sda`, `nvme0n1`'), size: bytes('size') }), {
    description: 'block devices; none in a container, which sees those of its host',
  }),
  filesystems: Type.Array(strict({ mount: text('where it is mounted'), size: bytes('size') }), {
    description: 'what is mounted, without what lives in memory',
  }),
  addresses: Type.Array(Type.String(), {
    description: 'all addresses but those of loopback and of one link',
  }),
  ipv4: Type.Array(Type.String(), { description: 'those of IPv4' }),
  ipv6: Type.Array(Type.String(), { description: 'those of IPv6' }),
  hostname: text('the present host name'),
  virtualization: text('`kvm`, `docker`, `amazon`; `none` on bare metal; empty where it cannot be told'),
  container: Type.Boolean({ description: 'whether the kernel is that of a host' }),
  boot_id: text('changes with each start of the node'),
  reboot: strict({
    required: Type.Boolean({
      description: 'whether something that was installed waits for a start of the node',
    }),
    packages: Type.Array(Type.String(), { description: 'what waits, where it says so' }),
  }),
  pub_key: text('public key of the `devops` user'),
  services: Type.Record(Type.String(), Type.Record(Type.String(), Type.String()), {
    description: 'what services tell: `services.nginx.version`',
  }),
})

export type Facts = Type.Static<typeof Facts>
