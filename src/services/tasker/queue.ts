import { type Kysely, sql } from 'kysely'
import { nodesOf, type Tables, type WorkRow } from './tables.ts'

/**
 * The works that wait, a row for each of their nodes. What a turn reads of it grows with the nodes that are waited for,
 * never with the works that wait for them: a work comes due once, and of each node only the first that is due is read.
 */

/** A work that could start, if there are places. */
export type Candidate = Pick<WorkRow, 'repo' | 'kind' | 'seq'> & { work: string }

/** A transaction at its time. */
interface Moment {
  db: Kysely<Tables>
  now: number
}

/** Sorts, so that the next one after another can be found. */
const placeOf = (repo: string, node: string): string => `${repo}/${node}`

export async function enqueue(turn: Moment, work: WorkRow): Promise<void> {
  const { id, repo, kind, seq, run_at } = work
  const nodes = nodesOf(work)
  if (nodes.length === 0) return
  const due = run_at <= turn.now ? (1 as const) : (0 as const)
  const same = { work: id, repo, kind, seq, run_at, due, size: nodes.length }
  const rows = nodes.map((node) => ({ ...same, node, place: placeOf(repo, node) }))
  await turn.db.insertInto('tasker_queue').values(rows).execute()
}

export async function dequeue(turn: Moment, work: string): Promise<void> {
  await turn.db.deleteFrom('tasker_queue').where('work', '=', work).execute()
}

/** The only way by which a waiting work gets another time. */
export async function reschedule(turn: Moment, work: string, run_at: number): Promise<void> {
  await turn.db.updateTable('tasker_works').set({ run_at }).where('id', '=', work).execute()
  await turn.db
    .updateTable('tasker_queue')
    .set({ run_at, due: run_at <= turn.now ? 1 : 0 })
    .where('work', '=', work)
    .execute()
}

/** Returns the works whose time has come since the last turn. */
export async function wakeDue(turn: Moment): Promise<string[]> {
  const rows = await turn.db
    .updateTable('tasker_queue')
    .set({ due: 1 })
    .where('due', '=', 0)
    .where('run_at', '<=', turn.now)
    .returning('work')
    .execute()
  return [...new Set(rows.map(({ work }) => work))]
}

/** When a turn has something to look at: a time that may be past; null: nothing waits. */
export async function nextTurn(db: Kysely<Tables>): Promise<number | null> {
  const due = await db.selectFrom('tasker_queue').select('place').where('due', '=', 1).limit(1).execute()
  return due.length > 0 ? 0 : nextDue(db)
}

/** When the next work comes due. */
export async function nextDue(db: Kysely<Tables>): Promise<number | null> {
  const row = await db
    .selectFrom('tasker_queue')
    .select('run_at')
    .where('due', '=', 0)
    .orderBy('run_at')
    .limit(1)
    .executeTakeFirst()
  return row?.run_at ?? null
}

/**
 * The works that are due and first on every node that they name, none of which is locked. Later works cannot starve an
 * earlier one, as it is the first on its nodes for as long as it waits; and as a work takes all its nodes at once, none
 * can wait for each other. One that is not due holds up nobody.
 */
export async function findCandidates(db: Kysely<Tables>): Promise<Candidate[]> {
  const { rows } = await sql<Candidate>`
    with recursive places (place) as (
      select * from (select place from tasker_queue where due = 1 order by place limit 1) as first
      union all
      select (
        select place from tasker_queue where due = 1 and place > places.place order by place limit 1
      ) from places where place is not null
    ),
    firsts (place, work) as (
      select place, (select work from tasker_queue where due = 1 and place = places.place order by seq limit 1)
      from places where place is not null
    ),
    heads as (
      select queue.* from firsts cross join tasker_queue as queue
      where queue.work = firsts.work and queue.place = firsts.place and not exists (
        select 1 from tasker_locks as locks where locks.repo = queue.repo and locks.node = queue.node
      )
    )
    select work, repo, kind, seq from heads
    group by work, repo, kind, seq, size having count(*) = size
    order by seq
  `.execute(db)
  return rows
}

export interface Holder {
  work: string
  node: string
  /** Whom the work waits for on this node: who runs there, or else who came first; null: nobody. */
  holder: string | null
}

/** Who stands before these works on their nodes. */
export async function findHolders(db: Kysely<Tables>, works: readonly string[]): Promise<Holder[]> {
  if (works.length === 0) return []
  const { rows } = await sql<Holder>`
    select queue.work, queue.node, coalesce(
      locks.work,
      (
        select first.work from tasker_queue as first
        where first.due = 1 and first.place = queue.place and first.seq < queue.seq
        order by first.seq limit 1
      )
    ) as holder
    from tasker_queue as queue
    left join tasker_locks as locks on locks.repo = queue.repo and locks.node = queue.node
    where queue.work in (${sql.join(works)})
    order by queue.work, queue.node
  `.execute(db)
  return rows
}
