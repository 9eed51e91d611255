import { answerAll } from '#kit/answers.ts'
import { defineService } from '#kit/service.ts'
import { createAppend } from './append.ts'
import { migrations } from './migrations.ts'
import { createRetention, type RetentionOptions } from './retention.ts'
import type { Tables } from './tables.ts'
import { createTail } from './tail.ts'
import { TextIndex } from './text-index.ts'
import { Wakes } from './wakes.ts'

export type LoggerOptions = RetentionOptions

export const logger = defineService<LoggerOptions>({
  name: 'logger',
  migrations,
  async start(parts, options) {
    const store = parts.store.as<Tables>()
    const wakes = new Wakes(parts.clock)
    const textIndex = new TextIndex(store, parts.log)
    const { append, idle } = createAppend(store, (repos) => {
      wakes.wake(repos)
      textIndex.wake()
    })
    parts.stack.use(createRetention(parts, options))
    parts.stack.use(textIndex)
    textIndex.wake()
    parts.stack.defer(idle)
    answerAll(parts, {
      'logger.append': async ({ lines }) => ({ last: await append(lines) }),
      'logger.query': createTail(store, parts.clock, wakes),
    })
    parts.stack.defer(() => wakes.wakeAll())
  },
})
