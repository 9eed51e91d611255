import { otlpSink } from './otlp.ts'
import type { Sink } from './sink.ts'
import { stdoutSink } from './stdout.ts'
import { syslogSink } from './syslog.ts'

const HELP = 'write stdout, otlp=http://HOST:4318, syslog=tcp://HOST:PORT or syslog=tls://HOST:PORT'

/** The sink of a word of `--log-out`. Throws an Error that says what would be right. */
export function openSink(word: string): Sink {
  if (word === 'stdout') return stdoutSink()
  const [, kind, address = ''] = /^(\w+)=(.+)$/.exec(word) ?? []
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (kind === 'otlp' && url && /^https?:$/.test(url.protocol)) return otlpSink(url)
  if (kind === 'syslog' && url && /^(tcp|tls):$/.test(url.protocol) && url.hostname) return syslogSink(url)
  throw new Error(`\`${word}\` is no place for log lines: ${HELP}`)
}
