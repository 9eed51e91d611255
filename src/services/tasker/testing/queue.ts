import type { Work } from '#contracts/tasker.ts'
import type { Store } from '#store'
import { openSqlite } from '#store/sqlite.ts'
import { fakeClock } from '#testing/clock.ts'
import { share } from '../dispatch.ts'
import { migrations } from '../migrations.ts'
import { type Limits, readPlaces } from '../places.ts'
import { dequeue, enqueue, findCandidates, nextDue, wakeDue } from '../queue.ts'
import type { Tables, WorkRow } from '../tables.ts'
import { readWaits } from '../waits.ts'

/** A work in the order of the list. */
export interface Wish {
  nodes: string[]
  repo?: string
  kind?: Work['kind']
  run_at?: number
  /** Left out where its nodes are taken. */
  running?: boolean
}

/** The tables of the queue on a real store, with works by number. */
export class Queue implements AsyncDisposable {
  readonly store: Store<Tables> = openSqlite(':memory:').as<Tables>()
  readonly works: Required<Wish>[] = []
  limit = 50
  now = 0

  static async open(...wishes: Wish[]): Promise<Queue> {
    const queue = new Queue()
    await queue.store.migrate(migrations)
    for (const wish of wishes) await queue.#add(wish)
    return queue
  }

  [Symbol.asyncDispose] = () => this.store[Symbol.asyncDispose]()

  async #add({ nodes, repo = 'ann/site', kind = 'run', run_at = 0, running = false }: Wish): Promise<void> {
    const { db } = this.store
    const index = this.works.length
    const taken = this.works.some(
      (other) => other.running && other.repo === repo && nodes.some((node) => other.nodes.includes(node)),
    )
    const wish = { nodes, repo, kind, run_at, running: running && !taken }
    this.works.push(wish)
    const row = rowOf(index, wish)
    await db.insertInto('tasker_works').values(row).execute()
    await enqueue({ db, now: this.now }, row)
    if (wish.running) await this.#begin(index)
  }

  async #begin(index: number): Promise<void> {
    const { db } = this.store
    const { repo, nodes } = this.works[index] as Required<Wish>
    const work = idOf(index)
    await dequeue({ db, now: this.now }, work)
    await db
      .updateTable('tasker_works')
      .set({ state: 'running', started_at: this.now })
      .where('id', '=', work)
      .execute()
    await db
      .insertInto('tasker_locks')
      .values(nodes.map((node) => ({ repo, node, work })))
      .execute()
  }

  async set(repo: string, limits: Limits): Promise<void> {
    await this.store.db
      .insertInto('tasker_limits')
      .values({ repo, ...limits })
      .execute()
  }

  /** Returns which start, in their order. */
  async start(): Promise<number[]> {
    const { db } = this.store
    await wakeDue({ db, now: this.now })
    const chosen = share(await findCandidates(db), await readPlaces(db, this.limit))
    const started = chosen.map(({ work }) => Number(work)).sort((a, b) => a - b)
    for (const index of started) await this.#begin(index)
    return started
  }

  nextDue = (): Promise<number | null> => nextDue(this.store.db)

  async waiting(): Promise<number[]> {
    const rows = await this.store.db
      .selectFrom('tasker_works')
      .select('id')
      .where('state', '=', 'waiting')
      .execute()
    return rows.map(({ id }) => Number(id))
  }

  async waits(index: number): Promise<string | null> {
    const { db } = this.store
    const row = await db
      .selectFrom('tasker_works')
      .selectAll()
      .where('id', '=', idOf(index))
      .executeTakeFirstOrThrow()
    const waits = await readWaits({ db, clock: fakeClock(this.now), limit: this.limit }, [row])
    return waits.get(row.id) ?? null
  }
}

const idOf = (index: number): string => String(index)

const rowOf = (index: number, { repo, kind, nodes, run_at }: Required<Wish>): WorkRow => ({
  id: idOf(index),
  seq: index,
  repo,
  kind,
  nodes: JSON.stringify(nodes),
  state: 'waiting',
  commit: null,
  task: kind === 'run' ? 't' : null,
  attempt: 1,
  failures: 0,
  run_at,
  cause: JSON.stringify({ kind: 'hand', by: 'ann', detail: '', depth: 0 }),
  error: null,
  error_code: null,
  cancelled_by: null,
  created_at: 0,
  started_at: null,
  ended_at: null,
  changed_at: 0,
  promised: null,
  progress: null,
})
