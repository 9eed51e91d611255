import { defineService } from '#kit/service.ts'
import * as answers from './answers.ts'
import { onCollaborator, onProfile, onVariable } from './changes.ts'
import { listSchedules } from './crons/schedules.ts'
import { createTicker } from './crons/ticker.ts'
import { closeRepository, forgetRepository, onDeleted, reopenRepository } from './deletions.ts'
import { createDispatcher } from './dispatcher.ts'
import { migrations } from './migrations.ts'
import { errorEvents, onError, onSuccess, onWaits, successEvents, waitEvents } from './outcomes.ts'
import { createPatrol, onSettings } from './patrol.ts'
import { onLimits } from './places.ts'
import { getPlan, makePlan, syncPlan } from './plans.ts'
import { noteProgress } from './progress.ts'
import { onPushed } from './pushes.ts'
import { createRetention } from './retention.ts'
import { advanceRun } from './runs/advance.ts'
import { onStepFinished } from './runs/finished.ts'
import { stepScript } from './runs/render.ts'
import { watchWall } from './set-clock.ts'
import { readStatuses } from './statuses.ts'
import { createSweeper } from './sweep.ts'
import type { Tables } from './tables.ts'
import type { Tasker } from './tasker.ts'
import { onTrigger, triggerEvents } from './triggers.ts'
import { createTurns } from './turn.ts'
import { unlink } from './unlink.ts'
import { getDelivery, listDeliveries, redeliver } from './webhooks/log.ts'
import { receiveWebhook } from './webhooks/receive.ts'

export interface TaskerOptions {
  /** Works that may run at the same time on the platform; 50 when absent. */
  limit?: number
}

/** Queues and distributes: syncs and destroys of nodes, runs of tasks, node locks and triggers. */
export const tasker = defineService<TaskerOptions>({
  name: 'tasker',
  migrations,
  async start({ bus, store: shared, clock, log, stack }, { limit = 50 }) {
    const store = shared.as<Tables>()
    const dispatcher = stack.use(createDispatcher({ db: store.db, clock, log, limit }))
    const wall = watchWall(clock)
    const turns = createTurns({ bus, store, clock, log, wall, afterTurn: dispatcher.poke })
    const self: Tasker = { bus, db: store.db, clock, log, turns, limit }

    stack.defer(bus.answer('tasker.sync', (input) => answers.sync(self, input)))
    stack.defer(bus.answer('tasker.unlink', (input) => unlink(self, input)))
    stack.defer(bus.answer('tasker.make_plan', (input, { signal }) => makePlan(self, input, signal)))
    stack.defer(bus.answer('tasker.get_plan', (input) => getPlan(self, input)))
    stack.defer(bus.answer('tasker.sync_plan', (input, { signal }) => syncPlan(self, input, signal)))
    stack.defer(bus.answer('tasker.start_run', (input) => answers.startRun(self, input)))
    stack.defer(bus.answer('tasker.consent', (input) => answers.consent(self, input)))
    stack.defer(bus.answer('tasker.retry_run', (input) => answers.retryRun(self, input)))
    stack.defer(bus.answer('tasker.cancel', (input) => answers.cancel(self, input)))
    stack.defer(bus.answer('tasker.get_run', (input) => answers.getRun(self, input)))
    stack.defer(bus.answer('tasker.list_runs', (input) => answers.listRuns(self, input)))
    stack.defer(bus.answer('tasker.get_work', (input) => answers.getWork(self, input)))
    stack.defer(bus.answer('tasker.list_works', (input) => answers.listWorks(self, input)))
    stack.defer(bus.answer('tasker.receive_webhook', receiveWebhook(self)))
    stack.defer(bus.answer('tasker.list_deliveries', (input) => listDeliveries(self, input)))
    stack.defer(bus.answer('tasker.get_delivery', (input) => getDelivery(self, input)))
    stack.defer(bus.answer('tasker.redeliver', (input) => redeliver(self, input)))
    stack.defer(bus.answer('tasker.list_schedules', (input) => listSchedules(self, input)))
    stack.defer(bus.answer('tasker.step_script', stepScript(self)))
    stack.defer(bus.answer('tasker.node_statuses', ({ repo }) => readStatuses(self, repo)))

    const nothing = async (act: Promise<unknown>) => {
      await act
      return {}
    }
    stack.defer(bus.answer('tasker.note_progress', (input) => nothing(noteProgress(self, input))))
    stack.defer(bus.answer('tasker.close_repository', ({ repo }) => nothing(closeRepository(self, repo))))
    stack.defer(bus.answer('tasker.reopen_repository', ({ repo }) => nothing(reopenRepository(self, repo))))
    stack.defer(bus.answer('tasker.forget_repository', (input) => nothing(forgetRepository(self, input))))
    stack.defer(bus.on('tasker.deletions', ['repo.deleted'], onDeleted(turns)))
    stack.defer(bus.on('tasker.limits', ['repo.settings_changed'], onLimits(turns)))
    stack.defer(bus.on('tasker.variables', ['var.changed'], onVariable(self)))
    stack.defer(bus.on('tasker.collaborators', ['collaborator.changed'], onCollaborator(self)))
    stack.defer(bus.on('tasker.profiles', ['profile.changed'], onProfile(self)))
    stack.defer(bus.on('tasker.successes', successEvents, onSuccess(turns)))
    stack.defer(bus.on('tasker.errors', errorEvents, onError(turns)))
    stack.defer(bus.on('tasker.waits', waitEvents, onWaits(turns)))
    stack.defer(bus.on('tasker.steps', ['step.finished'], onStepFinished(turns)))
    stack.defer(bus.on('tasker.triggers', triggerEvents, onTrigger(self)))
    stack.defer(bus.work('tasker.advance', advanceRun(self), { concurrency: 8 }))

    stack.use(createSweeper({ bus, clock, log, turns, poke: dispatcher.poke }))
    const ticker = stack.use(createTicker(self))
    stack.defer(bus.on('tasker.pushes', ['repo.pushed'], onPushed(self, ticker.poke)))
    stack.use(createRetention(self))
    const patrol = stack.use(createPatrol(self))
    stack.defer(bus.on('tasker.settings', ['repo.settings_changed'], onSettings(self, patrol.poke)))
    dispatcher.begin(createTurns({ bus, store, clock, log, wall, afterTurn() {} }))
  },
})
