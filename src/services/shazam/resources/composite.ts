import { quote } from '../quote.ts'

/** Items that are only shorter names for others. A composite gives items, which are then compiled like any other. */
export type Item = Record<string, unknown>
export type Composite = (item: Item) => Item[]

const rest = (item: Item, ...taken: string[]): Item =>
  Object.fromEntries(Object.entries(item).filter(([key]) => !taken.includes(key)))

/** `authorized_keys: USER`, `keys: [...]`: the whole file is ours, so that a removed key loses its access. */
const authorizedKeys: Composite = (item) => {
  const user = String(item.authorized_keys)
  const home = String(item.home ?? (user === 'root' ? '/root' : `/home/${user}`))
  const keys = Array.isArray(item.keys) ? item.keys.map(String) : []
  const content = keys.map((key) => `${key.trim().replace(/[\r\n]+/g, ' ')}\n`).join('')
  const own = rest(item, 'authorized_keys', 'keys', 'home')
  return [
    { directory: `${home}/.ssh`, ...own, owner: user, mode: '0700' },
    { file: `${home}/.ssh/authorized_keys`, ...own, owner: user, mode: '0600', content },
  ]
}

/** `sudoers: NAME`, `content:`. A broken file there locks everybody out, so it is always checked. */
const sudoers: Composite = (item) => [
  {
    file: `/etc/sudoers.d/${String(item.sudoers).replaceAll('.', '_')}`,
    ...rest(item, 'sudoers'),
    mode: '0440',
    check: 'visudo -cqf {file}',
  },
]

/** `cron: NAME`, `schedule:`, `user:`, `run:`. */
const cron: Composite = (item) => [
  {
    file: `/etc/cron.d/${String(item.cron).replaceAll('.', '_')}`,
    ...rest(item, 'cron', 'schedule', 'user', 'run'),
    // cron reads an unescaped % as a newline, and one line is one entry.
    content: `${item.schedule} ${item.user ?? 'root'} ${String(item.run)
      .replace(/[\r\n]+/g, ' ')
      .replaceAll('%', '\\%')}\n`,
  },
]

/** `sysctl: NAME`, `values: {key: value}`: kept in a file, and loaded when a running value differs. What this kernel does not know is passed over. */
const sysctl: Composite = (item) => {
  const values = Object.entries((item.values ?? {}) as Item).map(
    ([key, value]) => [key, String(value).trim()] as const,
  )
  const path = `/etc/sysctl.d/${item.sysctl}.conf`
  const own = rest(item, 'sysctl', 'values')
  const live = values.map(
    ([key, value]) => `[ "$(sysctl -n -- ${quote(key)} | tr -s '\\t ' ' ')" = ${quote(value)} ]`,
  )
  return [
    { file: path, ...own, content: values.map(([key, value]) => `${key} = ${value}\n`).join('') },
    {
      command: `load ${path}`,
      ...own,
      run: `sysctl -e -p ${path}`,
      unless: live.join(' && ') || 'true',
      requires: [`file:${path}`],
    },
  ]
}

/** `limits: NAME`, `lines: [...]` of `limits.conf(5)`. */
const limits: Composite = (item) => [
  {
    file: `/etc/security/limits.d/${item.limits}.conf`,
    ...rest(item, 'limits', 'lines'),
    content: ((item.lines ?? []) as unknown[]).map((line) => `${line}\n`).join(''),
  },
]

/** `locale: LANG`: what every session starts with. A locale that glibc does not bring is generated. */
const locale: Composite = (item) => {
  const lang = String(item.locale)
  if (!/^[A-Za-z0-9_.@-]+$/.test(lang))
    throw new Error(`a locale is named like en_US.UTF-8, got ${JSON.stringify(lang)}`)
  const own = rest(item, 'locale')
  const built = /^(C|POSIX|C\.UTF-?8)$/i.test(lang)
  const generate: Item[] = [
    { package: 'locales', ...own },
    {
      command: `generate locale ${lang}`,
      ...own,
      run: `sed -i 's/^# *\\(${lang}\\( \\|$\\)\\)/\\1/' /etc/locale.gen\nlocale-gen`,
      unless: `locale -a | grep -qix ${quote(lang.replace(/UTF-8/i, 'utf8'))}`,
      requires: ['package:locales'],
    },
  ]
  return [...(built ? [] : generate), { file: '/etc/default/locale', ...own, content: `LANG=${lang}\n` }]
}

/** `git_checkout: /path`, `repo:`, `version:`, `user:`: cloned when it is not there; a step `git update` moves it. */
const gitCheckout: Composite = (item) => [
  {
    command: `clone ${item.repo} to ${item.git_checkout}`,
    ...rest(item, 'git_checkout', 'repo', 'version'),
    run: `git clone ${item.version ? `--branch ${quote(String(item.version))} ` : ''}-- ${quote(String(item.repo))} ${quote(String(item.git_checkout))}`,
    creates: `${item.git_checkout}/.git`,
  },
]

export const composites: Readonly<Record<string, Composite>> = {
  authorized_keys: authorizedKeys,
  sudoers,
  cron,
  sysctl,
  limits,
  locale,
  git_checkout: gitCheckout,
}
