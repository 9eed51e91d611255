import type { Input } from '#contracts'
import type { Action } from '#contracts/profiles.ts'
import type { Cause } from '#contracts/tasker.ts'
import { isProblem, Problem } from '#kit/problem.ts'
import { stillMay } from '#kit/still-may.ts'
import { takeFor, takeWith } from '../rights.ts'
import { hasEnded } from '../states.ts'
import type { WorkRow } from '../tables.ts'
import type { Tasker } from '../tasker.ts'
import { holdTip, seeTip, untilStill } from '../tips.ts'
import type { Turn } from '../turn.ts'
import { findWork } from '../works.ts'
import { findConsent, giveConsent, judgeConsent, judgeStarter, withholdConsent } from './consent.ts'
import { createRun, type Done } from './create.ts'
import { isBroken } from './next.ts'
import { findSnapshot } from './snapshot.ts'
import { stepsOf } from './steps.ts'

/** What each role may and the one below it may not. */
const marks: Record<'write' | 'admin' | 'owner', Action> = {
  write: 'task.run',
  admin: 'collaborator.write',
  owner: 'repo.delete',
}

export async function consent(tasker: Tasker, input: Input<'tasker.consent'>): Promise<WorkRow> {
  const { repo, run, by, approve, why } = input
  const mayRole = async () => {
    const asked = await findConsent(tasker.db, run)
    if (typeof asked?.by === 'string') return has(tasker, repo, by, marks[asked.by])
    // Whom a descriptor names may have left the repository since.
    await stillMay(tasker.bus, by, 'run.approve', repo)
    return false
  }
  const act = async (turn: Turn, role: boolean): Promise<WorkRow> => {
    const work = await findWork(turn.db, run)
    if (work?.repo !== repo) throw new Problem('not_found', { what: `run ${run} in ${repo}` })
    const waited = judgeConsent(work, await findConsent(turn.db, run), by, role)
    if (approve) {
      judgeStarter(work, waited, by)
      await giveConsent(turn, work, waited, by)
    } else await withholdConsent(turn, work, `refused by ${by}${why ? `: ${why}` : ''}`)
    return work
  }
  return untilStill(() => takeWith(tasker, mayRole, act))
}

async function has({ bus }: Tasker, repo: string, user: string, action: Action): Promise<boolean> {
  try {
    await bus.ask('profiles.authorize', { user, action, repo })
    return true
  } catch (error) {
    if (isProblem(error, 'forbidden') || isProblem(error, 'not_found')) return false
    throw error
  }
}

export async function retryRun(tasker: Tasker, input: Input<'tasker.retry_run'>): Promise<WorkRow> {
  const { repo, run, by, failed } = input
  const snapshot = await findSnapshot(tasker.db, run)
  if (snapshot?.work.repo !== repo) throw new Problem('not_found', { what: `run ${run} in ${repo}` })
  const { work, task, scripts, vars, event, payload, request } = snapshot
  if (!hasEnded(work.state))
    throw new Problem('conflict', { reason: `Run ${run} has not ended: it is ${work.state}` })
  const done = failed ? await doneBy(tasker, run) : undefined
  const cause: Cause = { kind: 'retry', by, detail: run, depth: 0 }
  return untilStill(async () => {
    const seen = await seeTip(tasker, repo)
    // The nodes may have changed since: only those that are there can be run on.
    const at = await tasker.bus.ask('git.infrastructure', {
      repo,
      ...(work.commit && { commit: work.commit }),
    })
    // An approval that came since binds what was made without it.
    const approval = seen.tip?.tasks.find(({ id }) => id === task.id)?.approval ?? task.approval
    const again = { ...task, ...(approval && { approval }) }
    const wish = { tip: { ...at, scripts: { ...at.scripts, ...scripts } }, task: again, vars, cause, payload }
    return takeFor(
      tasker,
      by,
      'task.run',
      repo,
    )(async (turn) => {
      await holdTip(turn, seen)
      return createRun(turn, {
        ...wish,
        ...(event ? { event } : {}),
        ...(request && { request }),
        ...(done && { done }),
      })
    })
  })

  async function doneBy({ db }: Tasker, id: string): Promise<Done> {
    const rows = (await stepsOf(db, id)).filter((row) => row.step < task.steps.length)
    const good = rows.filter(
      (row) =>
        row.state === 'success' ||
        (row.state === 'failure' && !isBroken(task, row)) ||
        (row.state === 'skipped' && row.error !== null),
    )
    const nodes = [...new Set(rows.map(({ node }) => node))]
    const over = nodes.filter((node) => rows.every((row) => row.node !== node || good.includes(row)))
    if (over.length === nodes.length)
      throw new Problem('conflict', {
        reason: `Nothing of run ${id} failed: every step was done on every node`,
      })
    return { nodes: over, rows: good.map(pickDone) }
  }
}

const pickDone = ({ step, node, state, exit, stdout, outputs, ended_at }: Done['rows'][number]) => ({
  ...{ step, node, state, exit, stdout, outputs, ended_at },
})
