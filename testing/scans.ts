import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { after } from 'node:test'

/**
 * Tables whose rows do not grow with time or with the size of an installation: a row for the platform, or for each
 * repository whose settings were changed. A statement may read all of these; of every other table it may not.
 */
const small = new Set([
  ...['store_migrations', 'bus_consumers', 'tasker_turn', 'tasker_limits', 'tasker_watches', 'tasker_locks'],
  'registry_seal',
  ...['logger_sequence', 'logger_indexed', 'logger_usage', 'logger_forwards', 'profiles_audit_head'],
])

/** Statements that read a table from one end and stop at their limit, or that run once a start or an hour; each says why. */
const known: readonly [text: RegExp, why: string][] = [
  [
    /^select [^()]* from "\w+" order by [^()]* limit \?$/,
    'reads from one end of an index and stops at its limit',
  ],
  [/^select \* from "monitor_nodes" order by/, 'all of them are wanted, once a start'],
  [/^select \* from "registry_nodes" where "forgotten" = \? order by/, 'all of them are wanted'],
  [/^select \* from "registry_secrets" where "sealed" is not null$/, 'all of them are sealed again, by hand'],
  [/^update "bus_(jobs|deliveries)" set "due" = /, 'what waits, once a start'],
  [
    /^update "bus_jobs" set "state" = \?, "due" = \?, "failures" = "failures" \+ /,
    'what waits, once a start',
  ],
]

/** What tests ask for themselves: the whole of a table, to look at what is there, to count it, to fill or to spoil it. */
const ofTests = [
  /^select (\*|"[a-z_]+"(, "[a-z_]+")*) from "?[a-z_]+"?( order by ("[a-z_]+"(, )?)+)?$/,
  /^select (count|sum|max)\(.*\) as .* from "?[a-z_]+"?$/,
  /^update "?[a-z_]+"? set ("?[a-z_]+"? = (\?|'[a-z]+')(, )?)+$/,
  /^\s*with recursive numbers/,
]

const found = new Map<string, string>()
let watching = false

/**
 * From here on, each statement that is prepared in this process is explained on its own database; what reads a whole
 * table that grows fails the file.
 */
export function failOnScans(): void {
  if (watching) return
  watching = true
  const { prepare } = DatabaseSync.prototype
  const seen = new Set<string>()
  DatabaseSync.prototype.prepare = function (this: DatabaseSync, text: string, ...rest: []) {
    const statement = prepare.call(this, text, ...rest)
    if (!seen.has(text) && /^\s*(select|update|delete|with)\b/i.test(text)) {
      seen.add(text)
      const lines = prepare.call(this, `explain query plan ${text}`).all() as { detail: string }[]
      const scan = lines.map(({ detail }) => detail).find((detail) => growing(detail, text))
      if (
        scan &&
        !ofTests.some((pattern) => pattern.test(text)) &&
        !known.some(([pattern]) => pattern.test(text))
      )
        found.set(text, scan)
    }
    return statement
  } as typeof prepare
  after(() => {
    DatabaseSync.prototype.prepare = prepare
    const lines = [...found].map(([text, scan]) => `${scan}: ${text}`)
    assert.deepEqual(lines, [], 'statements that read a whole table that grows')
  })
}

function growing(detail: string, text: string): boolean {
  const [, name = ''] = /^SCAN (\w+)/.exec(detail) ?? []
  // An index of parked rows holds those alone.
  if (name === '' || / VIRTUAL TABLE|INDEX \w+_parked$/.test(detail)) return false
  const [, table = name] = new RegExp(`"?(\\w+)"? as "?${name}"?\\b`).exec(text) ?? []
  return /^(bus|tasker|logger|profiles|registry|git|monitor)_/.test(table) && !small.has(table)
}
