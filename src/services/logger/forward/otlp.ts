import type { Line } from '#contracts/logger.ts'
import type { Sink } from './sink.ts'

/** SeverityNumber of the OpenTelemetry log data model. */
const severities = { debug: 5, info: 9, warn: 13, error: 17 } as const
/** Milliseconds until a collector that does not answer is given up. */
const PATIENCE = 30_000

/**
 * OTLP over HTTP, JSON encoding (OpenTelemetry protocol 1.x, `POST /v1/logs`). Not the SDK's exporter: its queue drops what
 * is too much, and ours is the store.
 */
export function otlpSink(url: URL): Sink {
  const target = new URL(url)
  if (target.pathname === '/') target.pathname = '/v1/logs'
  return {
    name: `otlp=${url}`,
    async send(lines, signal) {
      const response = await fetch(target, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(encode(lines)),
        // Lines go where the administrator said, and nowhere else.
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`${target.host} answered ${response.status}: ${text.slice(0, 200)}`)
    },
    async [Symbol.asyncDispose]() {},
  }
}

export const encode = (lines: readonly Line[]) => ({
  resourceLogs: [
    {
      resource: { attributes: [attribute('service.name', 'devo.ps')] },
      scopeLogs: [{ scope: { name: 'devo.ps' }, logRecords: lines.map(recordOf) }],
    },
  ],
})

function recordOf({ at, level, text, seq, repo, node, task, work, step, service, stream }: Line) {
  const named = {
    'devops.repo': repo,
    'devops.node': node,
    'devops.task': task,
    'devops.work': work,
    'devops.step': step === undefined ? undefined : step + 1,
    'devops.service': service,
    'log.iostream': stream,
    'devops.seq': seq,
  }
  return {
    timeUnixNano: `${at}000000`,
    severityNumber: severities[level],
    severityText: level.toUpperCase(),
    body: { stringValue: text },
    attributes: Object.entries(named).flatMap(([key, value]) =>
      value === undefined ? [] : [attribute(key, value)],
    ),
  }
}

/** 64-bit integers are strings in OTLP's JSON. */
const attribute = (key: string, value: string | number) => ({
  key,
  value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
})
