import { type Composite, type Item, listOf, oneLine, rest } from './item.ts'

const types = /\.(service|socket|timer|mount|automount|path|target|slice|swap|device|scope)$/
const fileName = (name: string) => (types.test(name) ? name : `${name}.service`)

/**
 * `unit: NAME` with `content` (or `template`, `source`) is its file as well, with `drop_ins: {NAME: text}` files beside
 * it. When one of them changes, the unit is restarted, or what `on_change` says: `reload`, `none`.
 */
export const unit: Composite = (item) => {
  const { unit, content, base64, drop_ins, on_change = 'restart', enabled, running, ...own } = item
  const name = fileName(String(unit))
  const drops = Object.entries((drop_ins ?? {}) as Item)
  if (base64 !== undefined) throw new Error('a unit file is text')
  if (!['restart', 'reload', 'none'].includes(String(on_change)))
    throw new Error(`on_change must be restart, reload or none, got ${JSON.stringify(on_change)}`)
  if (content === undefined && drops.length === 0) {
    if (item.on_change !== undefined) throw new Error('on_change is for a unit with content or drop_ins')
    return [item]
  }
  const notify = [...listOf(own.notify), ...(on_change === 'none' ? [] : [`${on_change}:${unit}`])]
  const files = [
    ...(content === undefined ? [] : [[`/etc/systemd/system/${name}`, content] as const]),
    ...drops.map(([drop, text]) => [`/etc/systemd/system/${name}.d/${drop}.conf`, text] as const),
  ]
  return [
    ...(drops.length ? [{ directory: `/etc/systemd/system/${name}.d`, ...rest(own, 'notify') }] : []),
    ...files.map(([path, text]) => ({ file: path, ...own, content: String(text), notify })),
    {
      unit,
      ...rest(own, 'notify'),
      ...(enabled === undefined ? {} : { enabled }),
      ...(running === undefined ? {} : { running }),
      requires: [...listOf(own.requires), ...files.map(([path]) => `file:${path}`)],
    },
  ]
}

/**
 * A text that is run later, as a file that only its user reads: in a unit or a crontab every local user could read it,
 * and among the arguments of a process while it runs.
 */
export function script(folder: string, name: string, user: string, text: string, own: Item) {
  const path = `/var/lib/devops/${folder}/${name}`
  const items: Item[] = [
    { directory: `/var/lib/devops/${folder}`, mode: '0711' },
    { file: path, ...own, content: `${text.trimEnd()}\n`, owner: user, group: 'root', mode: '0400' },
  ]
  return { path, items }
}

/** `timer: NAME`, `schedule:` as in OnCalendar of systemd.time(7), `run:`, `user:`. */
export const timer: Composite = (item) => {
  const { timer, schedule, run, user = 'root', persistent = true, ...own } = item
  const name = String(timer)
  if (typeof schedule !== 'string' || typeof run !== 'string')
    throw new Error('a timer needs schedule and run')
  const by = oneLine(user, 'user')
  const { items, path } = script('timers', name, by, run, own)
  return [
    ...items,
    {
      unit: `${name}.service`,
      ...own,
      on_change: 'none',
      content: `[Unit]\nDescription=${name}\n\n[Service]\nType=oneshot\nUser=${by}\nExecStart=/bin/sh -e ${path}\n`,
      requires: [...listOf(own.requires), `file:${path}`],
    },
    {
      unit: `${name}.timer`,
      ...own,
      enabled: true,
      running: true,
      content: `[Unit]\nDescription=${name}\n\n[Timer]\nOnCalendar=${oneLine(schedule, 'schedule')}\nPersistent=${persistent}\n\n[Install]\nWantedBy=timers.target\n`,
      requires: [...listOf(own.requires), `file:/etc/systemd/system/${name}.service`],
    },
  ]
}
