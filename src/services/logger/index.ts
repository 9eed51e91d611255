import { answerAll } from '#kit/answers.ts'
import { defineService } from '#kit/service.ts'
import type { Tx } from '#store'
import { createAppend } from './append.ts'
import { forgetRepository, withoutForgotten } from './forget.ts'
import { startForwarder } from './forward/forwarder.ts'
import type { Sink } from './forward/sink.ts'
import { migrations } from './migrations.ts'
import { Reads } from './reads.ts'
import { createRetention, type RetentionOptions } from './retention.ts'
import { Intake } from './syslog/intake.ts'
import { listenSyslog, type SyslogOptions } from './syslog/listen.ts'
import type { Tables } from './tables.ts'
import { createTail } from './tail.ts'
import { TextIndex } from './text-index.ts'
import { Traffic } from './traffic.ts'
import { EVERYTHING, Wakes } from './wakes.ts'

export interface LoggerOptions extends RetentionOptions {
  /** Takes what nodes send by syslog; nothing is listened for when absent. */
  syslog?: SyslogOptions
  /** Where lines go besides the store. */
  sinks?: readonly Sink[]
}

export const logger = defineService<LoggerOptions>({
  name: 'logger',
  migrations,
  async start(parts, options) {
    const store = parts.store.as<Tables>()
    const wakes = new Wakes(parts.clock)
    const traffic = new Traffic()
    const textIndex = new TextIndex({ store, log: parts.log, traffic })
    const { append, idle } = createAppend(
      store,
      traffic,
      (repos) => {
        wakes.wake(repos)
        textIndex.wake()
      },
      withoutForgotten,
    )
    parts.stack.use(createRetention(parts, options))
    parts.stack.use(textIndex)
    parts.stack.defer(idle)
    parts.stack.defer(
      parts.bus.on('logger', ['repo.deleted'], async (event, delivery) => {
        const { repo, at = event.time } = event.data
        await delivery.once((tx) => forgetRepository(tx as Tx<Tables>, repo, at))
      }),
    )
    answerAll(parts, {
      'logger.forget_repository': async ({ repo, at }) => {
        await store.transaction((tx) => forgetRepository(tx, repo, at))
        return {}
      },
      'logger.append': async ({ lines }) => ({ last: await append(lines) }),
      'logger.query': createTail(new Reads(store, traffic), parts.clock, wakes),
    })
    parts.stack.defer(() => wakes.wakeAll())
    const newLines = (ms: number, signal: AbortSignal) => wakes.listen(EVERYTHING, ms, signal).settled
    for (const sink of options.sinks ?? [])
      parts.stack.use(startForwarder({ store, clock: parts.clock, log: parts.log, newLines }, sink))
    if (options.syslog) {
      const intake = parts.stack.use(new Intake(parts, append))
      parts.stack.use(await listenSyslog(options.syslog, intake, parts.log))
    }
  },
})
