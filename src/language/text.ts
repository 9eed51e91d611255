import type { Finding } from '#contracts/descriptors.ts'
import { nearest } from './nearest.ts'

/** A value as it is shown in a message: JSON, cut short. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** `unknown service "ngnix", did you mean "nginx"?`, or the list of what there is when it is short. */
export function unknownName(what: string, name: string, candidates: Iterable<string>): string {
  const known = [...candidates]
  const near = nearest(name, known)
  const start = `unknown ${what} ${show(name)}`
  if (near !== undefined) return `${start}, did you mean ${show(near)}?`
  if (known.length === 0 || known.length > 12) return start
  return `${start}, known: ${known.sort().join(', ')}`
}

/** `nodes/web.yml:12:7 configuration.nginx.worker_processes: must be at least 1, got 0` */
export function formatFinding(finding: Finding): string {
  const at = finding.at ? ` ${finding.at}:` : ''
  const severity = finding.severity === 'warning' ? ' warning:' : ''
  return inert(`${finding.path}:${finding.line}:${finding.column}${at}${severity} ${finding.message}`)
}

export const formatFindings = (findings: readonly Finding[]): string[] => findings.map(formatFinding)

/** Findings carry text of whoever pushed: no control character of it may reach a terminal. */
const inert = (text: string): string =>
  text.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)

/** By path, line, column, address and message; each once, none longer than anybody reads. */
export function sortFindings(findings: readonly Finding[]): Finding[] {
  const short = findings.map((finding) => ({
    ...finding,
    at: clip(finding.at),
    message: clip(finding.message),
  }))
  const seen = new Map(short.map((finding) => [JSON.stringify(finding), finding]))
  return [...seen.values()].sort(
    (a, b) =>
      compare(a.path, b.path) ||
      a.line - b.line ||
      a.column - b.column ||
      compare(a.at, b.at) ||
      compare(a.message, b.message),
  )
}

/** Names of aliases and tags, and ways through a cycle, are as long as who writes them wants. */
const clip = (text: string): string => (text.length > 1000 ? `${text.slice(0, 999).toWellFormed()}…` : text)

/** By code unit: the same everywhere, whatever the locale. */
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
