import { shared } from './composite-access.ts'
import { script } from './composite-unit.ts'
import { type Composite, listOf, oneLine } from './item.ts'

/**
 * `cron: NAME`, `schedule:`, `user:`, `run:`: with the daemon that runs it. The line runs a script, for what it holds may
 * be secret, and cron reads no `%` there.
 */
export const cron: Composite = (item) => {
  const { cron, schedule, user = 'root', run, ...own } = item
  const name = String(cron).replaceAll('.', '_')
  const by = oneLine(user, 'user')
  const { items, path } = script('crons', name, by, unescaped(String(run)), own)
  return [
    { package: 'cron', ...shared(item) },
    {
      unit: 'cron',
      ...shared(item),
      requires: ['package:cron'],
      enabled: true,
      running: true,
    },
    ...items,
    {
      file: `/etc/cron.d/${name}`,
      ...own,
      requires: [...listOf(own.requires), 'package:cron', `file:${path}`],
      content: `${oneLine(schedule, 'schedule')} ${by} /bin/sh ${path}\n`,
    },
  ]
}

/** A % that was escaped as a crontab wants it is one all the same. */
const unescaped = (run: string) =>
  run.replace(/(\\*)%/g, (_, backslashes: string) =>
    backslashes.length % 2 === 1 ? `${backslashes.slice(1)}%` : `${backslashes}%`,
  )
