import type { NewLine } from '#contracts/logger.ts'

export interface SyslogMessage {
  level: NewLine['level']
  /** As the sender calls itself; `-` is none. Never trusted. */
  host: string
  /** APP-NAME; `-` is none. */
  app: string
  /** Structured data, where there is any, then the message. */
  text: string
}

/** Severities of RFC 5424 §6.2.1, 0 (emergency) to 7 (debug). */
const levels: readonly NewLine['level'][] = [
  'error',
  'error',
  'error',
  'error',
  'warn',
  'info',
  'info',
  'debug',
]

const PRI = /^<(\d{1,3})>/
/** RFC 5424 §6: VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID, then structured data. */
const HEADER = /^1 (\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) /
/** A value escapes `"`, `\` and `]` (§6.3.3). */
const ELEMENT = /^\[[^\s="\]]{1,32}(?: [^\s="\]]{1,32}="(?:[^"\\\]]|\\[\s\S])*")*\]/

/** A message of RFC 5424. One that is not is kept whole, with the level of its priority. */
export function parseSyslog(message: string): SyslogMessage {
  const [pri = '', number = ''] = PRI.exec(message) ?? []
  const level = number !== '' && Number(number) <= 191 ? (levels[Number(number) % 8] ?? 'info') : 'info'
  const rest = message.slice(pri.length)
  const [header, , host = '-', app = '-'] = HEADER.exec(rest) ?? []
  if (header === undefined) return { level, host: '-', app: '-', text: rest }
  const body = rest.slice(header.length)
  const data = structuredData(body)
  if (data === undefined) return { level, host, app, text: body }
  // rsyslog puts a space of its own before a message, and a line feed behind it.
  const said = body.slice(data.length).replace(/^ \ufeff? ?|\n$/g, '')
  return { level, host, app, text: data === '-' ? said : `${data} ${said}`.trimEnd() }
}

function structuredData(body: string): string | undefined {
  if (/^-(?: |$)/.test(body)) return '-'
  let end = 0
  for (let [element] = ELEMENT.exec(body) ?? []; element; [element] = ELEMENT.exec(body.slice(end)) ?? [])
    end += element.length
  return end > 0 && /^(?: |$)/.test(body.slice(end)) ? body.slice(0, end) : undefined
}
