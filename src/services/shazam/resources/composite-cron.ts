import { shared } from './composite-access.ts'
import { type Composite, listOf, oneLine, rest } from './item.ts'

/** `cron: NAME`, `schedule:`, `user:`, `run:`: with the daemon that runs it. */
export const cron: Composite = (item) => [
  { package: 'cron', ...shared(item) },
  {
    unit: 'cron',
    ...shared(item),
    requires: ['package:cron'],
    enabled: true,
    running: true,
  },
  {
    file: `/etc/cron.d/${String(item.cron).replaceAll('.', '_')}`,
    ...rest(item, 'cron', 'schedule', 'user', 'run'),
    requires: [...listOf(item.requires), 'package:cron'],
    content: `${oneLine(item.schedule, 'schedule')} ${oneLine(item.user ?? 'root', 'user')} ${escaped(String(item.run))}\n`,
  },
]

/** One line is one entry, and cron reads a % as a newline unless an odd number of \ stands before it. */
const escaped = (run: string) =>
  run
    .replace(/[\r\n]+/g, ' ')
    .replace(/(\\*)%/g, (all, backslashes: string) =>
      backslashes.length % 2 === 1 ? all : `${backslashes}\\%`,
    )
