import { quote } from '../quote.ts'
import { authorizedKeys, shared, sudoers } from './composite-access.ts'
import { cron } from './composite-cron.ts'
import { firewall, firewallRule } from './composite-firewall.ts'
import { timer, unit } from './composite-unit.ts'
import { user } from './composite-user.ts'
import { type Composite, type Item, listOf, oneLine, rest } from './item.ts'

/** `sysctl: NAME`, `values: {key: value}`: kept in a file, and running. */
const sysctl: Composite = (item) => {
  const values = Object.entries((item.values ?? {}) as Item).map(
    ([key, value]) => [key, String(value).trim()] as const,
  )
  const own = rest(item, 'sysctl', 'values')
  const content = values.map(([key, value]) => `${key} = ${value}\n`).join('')
  return [
    { file: `/etc/sysctl.d/${item.sysctl}.conf`, ...own, content },
    ...values.map(([key, value]) => ({ kernel_value: key, ...own, value })),
  ]
}

/** `limits: NAME`, `lines: [...]` of `limits.conf(5)`. */
const limits: Composite = (item) => [
  {
    file: `/etc/security/limits.d/${item.limits}.conf`,
    ...rest(item, 'limits', 'lines'),
    content: ((item.lines ?? []) as unknown[]).map((line) => `${oneLine(line, 'each of lines')}\n`).join(''),
  },
]

/** `locale: LANG`: what every session starts with. A locale that glibc does not bring is generated. */
const locale: Composite = (item) => {
  const lang = String(item.locale)
  if (!/^[A-Za-z0-9_.@-]+$/.test(lang))
    throw new Error(`a locale is named like en_US.UTF-8, got ${JSON.stringify(lang)}`)
  const own = rest(item, 'locale')
  // glibc lists ru_RU.KOI8-R as ru_RU.koi8r.
  const known = `locale -a | tr -d - | grep -qix ${quote(lang.replaceAll('-', ''))}`
  const built = /^(C|POSIX|C\.UTF-?8)$/i.test(lang)
  const generate: Item[] = [
    { package: 'locales', ...own },
    {
      command: `generate locale ${lang}`,
      ...own,
      run: `sed -i 's/^# *\\(${lang}\\( \\|$\\)\\)/\\1/' /etc/locale.gen\nlocale-gen\n${known} || { echo 'there is no locale ${lang}'; exit 1; }`,
      unless: known,
      requires: ['package:locales'],
    },
  ]
  // From Debian 13 and Ubuntu 24.04 on the former is a link to the latter, which systemd makes again at each start.
  const file = { file: '/etc/default/locale', behind: '/etc/locale.conf', ...own, content: `LANG=${lang}\n` }
  return built ? [file] : [...generate, { ...file, requires: `command:generate locale ${lang}` }]
}

/** `timezone: Europe/Berlin`. */
const timezone: Composite = (item) => {
  const zone = String(item.timezone)
  if (!/^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/.test(zone))
    throw new Error(`a time zone is named like Europe/Berlin, got ${JSON.stringify(zone)}`)
  const own = rest(item, 'timezone')
  const path = `/usr/share/zoneinfo/${zone}`
  return [
    { package: 'tzdata', ...own },
    {
      command: `know time zone ${zone}`,
      ...own,
      run: `[ -f ${path} ] || { echo 'there is no time zone ${zone}'; exit 1; }`,
      unless: `[ -f ${path} ]`,
      requires: 'package:tzdata',
    },
    { link: '/etc/localtime', ...own, to: path, requires: `command:know time zone ${zone}` },
    { file: '/etc/timezone', ...own, content: `${zone}\n`, requires: `command:know time zone ${zone}` },
  ]
}

/** `certificate: PATH` with `content` and `key_content`: from a file or a secret, and both must fit. */
const certificate: Composite = (item) => {
  const openssl = { package: 'openssl', ...shared(item) }
  if (item.content === undefined) return [openssl, item]
  const { certificate: path, key, key_content, content, names, days, renew, ...own } = item
  if (key === undefined || key_content === undefined) throw new Error('needs key and key_content as well')
  const word = quote(String(key))
  const fits = `[ "$(openssl x509 -in {file} -noout -pubkey)" = "$(openssl pkey -in ${word} -pubout)" ] || { echo 'certificate and key do not fit together'; exit 1; }
openssl x509 -in {file} -noout -checkend 0 || { echo 'the certificate has expired'; exit 1; }`
  const whole = (text: unknown) => `${String(text).trim()}\n`
  return [
    openssl,
    {
      file: key,
      ...own,
      requires: [...listOf(own.requires), 'package:openssl'],
      mode: '0600',
      secret: true,
      content: whole(key_content),
      check: 'openssl pkey -in {file} -noout',
    },
    {
      file: path,
      ...own,
      content: whole(content),
      check: fits,
      requires: [...listOf(own.requires), `file:${key}`],
    },
  ]
}

export const composites: Readonly<Record<string, Composite>> = {
  authorized_keys: authorizedKeys,
  sudoers,
  cron,
  sysctl,
  limits,
  locale,
  timezone,
  certificate,
  unit,
  timer,
  firewall,
  firewall_rule: firewallRule,
  user,
}
