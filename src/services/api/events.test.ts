import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BusEvent } from '#bus'
import { createEventLog } from './events.ts'

const event = (repo: string, id: string, text = ''): BusEvent =>
  ({ id, type: 'repo.pushed', time: 1, data: { repo, by: text } }) as unknown as BusEvent

/** What a follower that comes now gets at once. */
async function replay(
  log: ReturnType<typeof createEventLog>,
  repo: string,
  after: string,
): Promise<string[]> {
  const stop = new AbortController()
  const got: string[] = []
  for await (const { id, event } of log.follow(repo, after, stop.signal, (act) => {
    queueMicrotask(act)
    return () => {}
  })) {
    if (id === undefined && event === undefined) stop.abort()
    else got.push(id ?? event ?? '')
  }
  return got
}

test('events of many repositories are bounded together: those of the quietest go first, and their followers are told of the gap', async () => {
  const log = createEventLog(1000, 10_000)
  for (let n = 0; n < 50; n++) log.add(event(`ann/r${n}`, `${n}`, 'x'.repeat(500)))
  assert.deepEqual(await replay(log, 'ann/r0', '0'), ['gap'])
  assert.deepEqual(await replay(log, 'ann/r49', '49'), [])
  log.add(event('ann/r49', '50'))
  assert.deepEqual(await replay(log, 'ann/r49', '49'), ['50'])
})

test('one event that is larger than all may be is held, and nothing beside it', async () => {
  const log = createEventLog(1000, 10_000)
  log.add(event('ann/a', '1'))
  log.add(event('ann/b', '2', 'x'.repeat(20_000)))
  log.add(event('ann/b', '3', 'x'.repeat(20_000)))
  assert.deepEqual(await replay(log, 'ann/a', '1'), ['gap'])
  assert.deepEqual(await replay(log, 'ann/b', '3'), [])
  assert.deepEqual(await replay(log, 'ann/b', '2'), ['gap', '3'])
})

test('events of a deleted repository are not shown to the next one of its name', async () => {
  const log = createEventLog()
  log.add(event('ann/a', '1'))
  log.add({ ...event('ann/a', '2'), type: 'repo.deleted' })
  log.add(event('ann/a', '3'))
  assert.deepEqual(await replay(log, 'ann/a', '1'), ['gap', '2', '3'])
})

test('a repository that is made again begins without the events of the former one, and their room is free', async () => {
  const log = createEventLog(1000, 2_000)
  log.add(event('ann/a', '1', 'x'.repeat(1500)))
  log.add({ ...event('ann/a', '2'), type: 'repo.created' })
  assert.deepEqual(await replay(log, 'ann/a', '1'), ['gap', '2'])
  log.add(event('ann/b', '3', 'x'.repeat(1500)))
  assert.deepEqual(await replay(log, 'ann/a', '2'), [])
})

test('a follower of a repository whose events had to go gets the next one', async () => {
  const log = createEventLog(1000, 2_000)
  const stop = new AbortController()
  const stream = log.follow('ann/a', undefined, stop.signal, () => () => {})[Symbol.asyncIterator]()
  const next = stream.next()
  for (let n = 0; n < 50; n++) log.add(event('ann/other', `o${n}`, 'x'.repeat(500)))
  log.add(event('ann/a', '1'))
  assert.equal((await next).value?.id, '1')
  stop.abort()
  await stream.return?.()
})
