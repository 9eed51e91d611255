import type { NewLine } from '#contracts/logger.ts'
import { createPump } from '#kit/pump.ts'
import type { Store, Tx } from '#store'
import type { Tables } from './tables.ts'
import type { Traffic } from './traffic.ts'

/** Which of some lines are written; the others are dropped. */
type Keep = (db: Tx<Tables>['db'], lines: readonly NewLine[]) => Promise<ReadonlySet<NewLine>>

/** Rows a statement: eleven values each, and SQLite takes 32,766. */
const ROWS = 200
/** Lines a transaction, so that one commit does not hold up everybody for long. */
const LINES = 20_000

interface Waiting {
  lines: readonly NewLine[]
  resolve(last: number): void
  reject(error: unknown): void
}

/**
 * Writes lines; the promise gives the last sequence number, when they are durable. Calls that come while a commit is
 * on its way share the next one.
 */
export function createAppend(
  store: Store<Tables>,
  traffic: Traffic,
  onCommit: (repos: ReadonlySet<string>) => void,
  keep: Keep = async (_, lines) => new Set(lines),
) {
  let waiting: Waiting[] = []
  const writer = createPump(() => traffic.pass(writeAll))

  const append = (lines: readonly NewLine[]): Promise<number> =>
    new Promise((resolve, reject) => {
      waiting.push({ lines, resolve, reject })
      writer.poke()
    })

  return { append, idle: writer.idle }

  async function writeAll(): Promise<void> {
    // Whatever else was called in this turn joins the first commit.
    await Promise.resolve()
    while (waiting.length > 0) await writeBatch(takeBatch())
  }

  function takeBatch(): Waiting[] {
    let lines = 0
    const end = waiting.findIndex((each, i) => {
      lines += each.lines.length
      return i > 0 && lines > LINES
    })
    const batch = end < 0 ? waiting : waiting.slice(0, end)
    waiting = end < 0 ? [] : waiting.slice(end)
    return batch
  }

  async function writeBatch(batch: readonly Waiting[]): Promise<void> {
    const lines = batch.flatMap((each) => each.lines)
    try {
      let last = await store.transaction((tx) => insertLines(tx, lines, keep))
      onCommit(new Set(lines.map(({ repo }) => repo)))
      for (const each of batch.toReversed()) {
        each.resolve(last)
        last -= each.lines.length
      }
    } catch (error) {
      for (const each of batch) each.reject(error)
    }
  }
}

/** The counter's row is locked until the commit: sequence numbers become visible in order. */
async function insertLines(tx: Tx<Tables>, lines: readonly NewLine[], keep: Keep): Promise<number> {
  const { last } = await tx.db
    .updateTable('logger_sequence')
    .set((row) => ({ last: row('last', '+', lines.length) }))
    .where('id', '=', 1)
    .returning('last')
    .executeTakeFirstOrThrow()
  const first = last - lines.length + 1
  const kept = await keep(tx.db, lines)
  const rows = [...lines.entries()]
    .filter(([, line]) => kept.has(line))
    .map(([i, { repo, at, node, task, work, step, service, stream, level, text }]) => ({
      repo,
      seq: first + i,
      at,
      node: node ?? null,
      task: task ?? null,
      work: work ?? null,
      step: step ?? null,
      service: service ?? null,
      stream,
      level,
      text,
    }))
  for (let i = 0; i < rows.length; i += ROWS)
    await tx.db
      .insertInto('logger_lines')
      .values(rows.slice(i, i + ROWS))
      .execute()
  for (const [repo, group] of Map.groupBy(kept, (line) => line.repo)) await countIn(tx, repo, group)
  return last
}

async function countIn(tx: Tx<Tables>, repo: string, lines: readonly NewLine[]): Promise<void> {
  const size = lines.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)
  await tx.db
    .insertInto('logger_usage')
    .values({ repo, lines: lines.length, size, removed_lines: 0, removed_until: 0 })
    .onConflict((conflict) =>
      conflict.column('repo').doUpdateSet((row) => ({
        lines: row('logger_usage.lines', '+', lines.length),
        size: row('logger_usage.size', '+', size),
      })),
    )
    .execute()
}
