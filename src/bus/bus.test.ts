import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EventData, Job } from '#contracts'
import { isProblem, Problem } from '#kit/problem.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import type { BusEvent, Delivery, Lease } from './index.ts'
import { effects, effectsOf, record } from './testing/effects.ts'
import { implementations, type Place, type Process } from './testing/place.ts'

failOnLeaks()

const created = (by: string): EventData<'repo.created'> => ({ repo: 'ann/web', by })
const stepJob = (step: number): Job<'shazam.steps'> => ({
  repo: 'ann/web',
  run: 'run1',
  task: 'backup',
  step,
  node: 'web',
  attempt: 1,
})
const problem =
  (code: string, data: object = {}) =>
  (error: unknown) => {
    assert.ok(isProblem(error), String(error))
    assert.equal(error.code, code)
    assert.partialDeepStrictEqual(error.data, data)
    return true
  }

/** What a handler waits for; a bus that stops ends the wait, so that a test that fails does not hang. */
const orStopped = (signal: AbortSignal, gate: Promise<unknown>): Promise<unknown> =>
  Promise.race([gate, new Promise((resolve) => signal.addEventListener('abort', resolve))])

for (const [name, place] of implementations) {
  const on = (title: string, act: (process: Process, spot: Place) => Promise<void>) =>
    test(title, async () => {
      await using spot = await place()
      await act(await spot.start(), spot)
    })

  describe(`${name}: ask`, () => {
    on('an answer comes back as a copy that shares nothing', async ({ bus }) => {
      const known = [{ repo: 'ann/web', created_at: 1, branch: 'main', commit: null }]
      const asked: object[] = []
      bus.answer('git.list_repositories', async (input) => {
        asked.push(input)
        return known
      })
      const input = { owner: 'ann' }
      const answer = await bus.ask('git.list_repositories', input)
      assert.deepEqual(answer, known)
      assert.notEqual(answer[0], known[0])
      assert.deepEqual(asked, [input])
      assert.notEqual(asked[0], input)
    })

    on(
      'a payload that does not fit is refused with its path, and the answerer never sees it',
      async ({ bus }) => {
        bus.answer('git.get_repository', () => assert.fail('was asked'))
        await assert.rejects(
          bus.ask('git.get_repository', { repo: 'a b' }),
          problem('invalid', { path: 'repo' }),
        )
        const surplus = { repo: 'ann/web', more: 1 }
        await assert.rejects(bus.ask('git.get_repository', surplus), /more: is not a known key/)
      },
    )

    on('an answer that does not fit is the fault of the platform', async ({ bus }) => {
      bus.answer('git.file', async () => ({ path: 'a' }) as never)
      await assert.rejects(bus.ask('git.file', { repo: 'ann/web', path: 'a' }), problem('internal'))
    })

    on('a problem crosses intact, and any other error becomes internal', async ({ bus }) => {
      const thrown: unknown[] = [new Problem('conflict', { reason: 'busy', since: 3 }), new Error('bug')]
      bus.answer('git.list_repositories', async () => {
        throw thrown.shift()
      })
      await assert.rejects(
        bus.ask('git.list_repositories', {}),
        problem('conflict', { reason: 'busy', since: 3 }),
      )
      await assert.rejects(bus.ask('git.list_repositories', {}), problem('internal', { reason: 'bug' }))
    })

    on('nobody answers: no_answer, also after an answer was undone', async ({ bus }) => {
      await assert.rejects(
        bus.ask('git.list_repositories', {}),
        problem('no_answer', { call: 'git.list_repositories' }),
      )
      const undo = bus.answer('git.list_repositories', async () => [])
      await bus.ask('git.list_repositories', {})
      await undo()
      await assert.rejects(bus.ask('git.list_repositories', {}), problem('no_answer'))
    })

    on('a call has one answerer in a process', async ({ bus }) => {
      bus.answer('git.list_repositories', async () => [])
      assert.throws(() => bus.answer('git.list_repositories', async () => []), /is answered already/)
    })

    on('a late answer: the asker gets deadline, and the answerer is told to stop', async ({ bus }, spot) => {
      const told = answerWhenAborted(bus)
      const asked = assert.rejects(
        bus.ask('git.list_repositories', {}, { deadline: 100 }),
        problem('deadline', { ms: 100 }),
      )
      await spot.pass(200)
      await asked
      await told
    })

    on('an asker who gives up gets cancelled, and the answerer is told to stop', async ({ bus }) => {
      const told = answerWhenAborted(bus)
      const giveUp = new AbortController()
      const asked = assert.rejects(
        bus.ask('git.list_repositories', {}, { signal: giveUp.signal }),
        problem('cancelled'),
      )
      giveUp.abort()
      await asked
      await told
      await assert.rejects(
        bus.ask('git.list_repositories', {}, { signal: giveUp.signal }),
        problem('cancelled'),
      )
    })

    on(
      'a question inside a transaction is refused, since its answer may wait for that transaction',
      async (process) => {
        const { bus, store } = process
        bus.answer('git.list_repositories', async () => [])
        await store.transaction(async () => {
          await assert.rejects(
            bus.ask('git.list_repositories', {}),
            /inside a transaction would wait for itself/,
          )
          await assert.rejects(
            bus.publish('repo.created', { subject: 's', data: created('ann') }),
            /without its tx/,
          )
          await assert.rejects(bus.send('shazam.steps', { payload: stepJob(0) }), /without its tx/)
        })
      },
    )
  })

  describe(`${name}: publish`, () => {
    on(
      'every consumer gets an event as a CloudEvent with the name in its type',
      async ({ bus, clock }, spot) => {
        const got: BusEvent[] = []
        for (const consumer of ['a', 'b'])
          bus.on(consumer, ['node.*.up', 'repo.created'], async (event) => void got.push(event))
        const data = { repo: 'ann/web', node: 'web', reason: null }
        const time = clock.now()
        const id = await bus.publish('node.*.up', { name: 'web', subject: 'ann/web/web', data })
        await spot.eventually(() => got.length === 2)
        const { traceparent, ...event } = got[0] as BusEvent
        assert.match(traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
        assert.equal(event.time >= time, true)
        assert.deepEqual(event, {
          id,
          source: 'test',
          type: 'node.web.up',
          pattern: 'node.*.up',
          name: 'web',
          subject: 'ann/web/web',
          time: event.time,
          data,
        })
      },
    )

    on('what does not fit is not published', async ({ bus }) => {
      const wrong = { repo: 'ann/web', by: 3 } as never
      await assert.rejects(
        bus.publish('repo.created', { subject: 's', data: wrong }),
        problem('invalid', { path: 'by' }),
      )
      const data = { repo: 'ann/web', node: 'web', reason: null }
      await assert.rejects(
        bus.publish('node.*.up', { subject: 's', data }),
        problem('invalid', { path: 'name' }),
      )
      await assert.rejects(
        bus.publish('node.*.up', { name: 'a.b', subject: 's', data }),
        problem('invalid', { path: 'name' }),
      )
      await assert.rejects(
        bus.publish('repo.created', { name: 'x', subject: 's', data: created('ann') }),
        problem('invalid', { path: 'name' }),
      )
    })

    on(
      'an id that was published before is ignored, also when its event is long handled',
      async ({ bus }, spot) => {
        const got: string[] = []
        bus.on('c', ['repo.created'], async (event) => void got.push(event.data.by))
        await Promise.all([
          bus.publish('repo.created', { id: 'x', subject: 's', data: created('first') }),
          bus.publish('repo.created', { id: 'x', subject: 's', data: created('twice') }),
        ])
        await spot.eventually(() => got.length > 0)
        await bus.publish('repo.created', { id: 'x', subject: 's', data: created('late') })
        await bus.publish('repo.created', { subject: 's', data: created('other') })
        await spot.eventually(() => got.includes('other'))
        assert.deepEqual(got, ['first', 'other'])
      },
    )

    on(
      'in a transaction: published with its commit, and not at all with its rollback',
      async (process, spot) => {
        const { bus, store } = process
        const got: string[] = []
        bus.on('c', ['repo.created'], async (event) => void got.push(event.data.by))
        await store
          .transaction(async (tx) => {
            await bus.publish('repo.created', { subject: 's', data: created('undone') }, tx)
            throw new Error('no')
          })
          .catch(() => {})
        await store.transaction(async (tx) => {
          await bus.publish('repo.created', { subject: 's', data: created('done') }, tx)
          assert.deepEqual(got, [])
        })
        await spot.eventually(() => got.length > 0)
        assert.deepEqual(got, ['done'])
      },
    )

    on(
      'a consumer that was away gets what happened meanwhile, first attempt first',
      async (process, spot) => {
        const undo = process.bus.on('c', ['repo.created'], async () => {})
        await spot.pass(1)
        await undo()
        await process.bus.publish('repo.created', { subject: 's', data: created('while away') })
        await process[Symbol.asyncDispose]()
        const next = await spot.start()
        await next.bus.publish('repo.created', { subject: 's', data: created('before it is back') })
        const got: [string, number][] = []
        next.bus.on(
          'c',
          ['repo.created'],
          async (event, { attempt }) => void got.push([event.data.by, attempt]),
        )
        await spot.eventually(() => got.length === 2)
        assert.deepEqual(got, [
          ['while away', 1],
          ['before it is back', 1],
        ])
      },
    )

    on('a consumer name is taken once in a process', async ({ bus }) => {
      bus.on('c', ['repo.created'], async () => {})
      assert.throws(() => bus.on('c', ['repo.deleted'], async () => {}), /attached already/)
    })

    on('a failure holds back its own subject and no other', async ({ bus }, spot) => {
      const got: string[] = []
      let broken = true
      bus.on('c', ['repo.created'], async (event, { attempt }) => {
        if (event.subject === 'bad' && broken) throw new Error('not yet')
        got.push(`${event.data.by} ${attempt}`)
      })
      await bus.publish('repo.created', { subject: 'bad', data: created('b1') })
      await bus.publish('repo.created', { subject: 'bad', data: created('b2') })
      await bus.publish('repo.created', { subject: 'good', data: created('g1') })
      await spot.eventually(() => got.length === 1)
      broken = false
      await spot.eventually(() => got.length === 3)
      assert.deepEqual(got[0], 'g1 1')
      assert.match(got[1] ?? '', /^b1 [2-9]/)
      assert.deepEqual(got[2], 'b2 1')
    })

    on('what fails too often is parked, the next goes on, and it can be revived', async ({ bus }, spot) => {
      const got: string[] = []
      let tries = 0
      let broken = true
      bus.on('c', ['repo.created'], async (event) => {
        if (event.data.by === 'poison' && ++tries && broken) throw new Error('cannot')
        got.push(event.data.by)
      })
      const id = await bus.publish('repo.created', { subject: 's', data: created('poison') })
      await bus.publish('repo.created', { subject: 's', data: created('next') })
      await spot.eventually(() => got.length === 1)
      assert.deepEqual(got, ['next'])
      assert.equal(tries, 10)
      const [parked, ...others] = await bus.parked()
      assert.deepEqual(others, [])
      assert.deepEqual(parked, {
        id: parked?.id,
        of: id,
        kind: 'delivery',
        where: 'c',
        error: 'cannot',
        attempts: 10,
      })
      broken = false
      await bus.revive(parked?.id ?? '')
      await spot.eventually(() => got.length === 2)
      assert.deepEqual(got, ['next', 'poison'])
      assert.deepEqual(await bus.parked(), [])
      await assert.rejects(bus.revive(parked?.id ?? ''), problem('not_found'))
    })

    on(
      'an effect in once happens with the record of it, and a failed effect with neither',
      async (process, spot) => {
        const { bus, store } = process
        await store.migrate([effects])
        const ran: boolean[] = []
        bus.on('c', ['repo.created'], async (event, delivery) => {
          const effect = (tx: Parameters<Parameters<Delivery['once']>[0]>[0]) =>
            record(tx, event.id, delivery.attempt)
          if (delivery.attempt === 1)
            await delivery.once(async (tx) => {
              await effect(tx)
              throw new Error('after the effect')
            })
          ran.push(await delivery.once(effect), await delivery.once(effect))
          throw new Error('after once: too late to matter')
        })
        const id = await bus.publish('repo.created', { subject: 's', data: created('ann') })
        await spot.eventually(() => ran.length > 0)
        await spot.pass(600_000)
        assert.deepEqual(ran, [true, false])
        assert.deepEqual(await effectsOf(store), [{ id, attempt: 2 }])
      },
    )

    on(
      'what a handler publishes, sends and asks belongs to the trace of its event',
      async ({ bus }, spot) => {
        const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`
        const traces: string[] = []
        bus.answer('git.list_repositories', async () => {
          await bus.publish('repo.deleted', { subject: 's', data: created('answer') })
          return []
        })
        bus.on('first', ['repo.created'], async (_event, delivery) => {
          await bus.ask('git.list_repositories', {})
          await delivery.once(
            async (tx) => void (await bus.send('shazam.steps', { payload: stepJob(0) }, tx)),
          )
        })
        bus.on('second', ['repo.deleted'], async (event) => void traces.push(event.traceparent))
        bus.work('shazam.steps', async (_job, lease) => void traces.push(lease.traceparent))
        await bus.publish('repo.created', { subject: 's', data: created('ann'), traceparent })
        await spot.eventually(() => traces.length === 2)
        assert.deepEqual(traces, [traceparent, traceparent])
      },
    )

    on(
      'a long queue of one subject keeps its order, and leaves nothing in the store when handled',
      async (process, spot) => {
        const { bus, store } = process
        const numbers = Array.from({ length: 400 }, (_, n) => n)
        const got: Record<string, number[]> = { a: [], b: [] }
        for (const consumer of ['a', 'b'])
          bus.on(consumer, ['repo.created'], async (event, { attempt }) => {
            const number = Number(event.data.by)
            if (number % 50 === 7 && attempt === 1) throw new Error('the first time always')
            got[consumer]?.push(number)
          })
        for (const number of numbers) {
          void bus.publish('repo.created', { subject: 's', data: created(String(number)) })
          if (number % 40 === 0) await spot.pass(1)
        }
        await spot.eventually(() => got.a?.length === 400 && got.b?.length === 400)
        assert.deepEqual(got, { a: numbers, b: numbers })
        if (name === 'embedded')
          for (const table of ['bus_events', 'bus_deliveries'])
            await spot.eventually(
              async () => (await store.db.selectFrom(table).selectAll().execute()).length === 0,
            )
      },
    )

    on(
      'a process whose consumer was taken over cannot complete its events any more',
      async (process, spot) => {
        const { store, bus } = process
        await store.migrate([effects])
        const gate = Promise.withResolvers<void>()
        const late = Promise.withResolvers<unknown>()
        bus.on('c', ['repo.created'], async (_event, delivery) => {
          await orStopped(delivery.signal, gate.promise)
          await delivery.once((tx) => record(tx, 'late', delivery.attempt)).then(late.resolve, late.resolve)
        })
        await bus.publish('repo.created', { subject: 's', data: created('ann') })
        await spot.pass(1)
        const other = await spot.startBeside(process)
        const held = Promise.withResolvers<void>()
        const finish = Promise.withResolvers<void>()
        other.bus.on('c', ['repo.created'], async (_event, delivery) => {
          held.resolve()
          await orStopped(delivery.signal, finish.promise)
          await delivery.once((tx) => record(tx, 'newer', delivery.attempt))
        })
        await within(spot, held.promise)
        gate.resolve()
        await within(spot, late.promise)
        assert.ok(problem('fenced', { current: 2 })(await late.promise))
        finish.resolve()
        await spot.eventually(async () => (await effectsOf(store)).length > 0)
        assert.deepEqual(await effectsOf(store), [{ id: 'newer', attempt: 2 }])
      },
    )
  })

  describe(`${name}: send`, () => {
    on('a job goes to one worker, with its payload as a copy', async ({ bus }, spot) => {
      const got: Job<'shazam.steps'>[] = []
      bus.work('shazam.steps', async (job) => void got.push(job))
      bus.work('shazam.steps', async (job) => void got.push(job))
      const payload = stepJob(1)
      await bus.send('shazam.steps', { payload })
      await spot.pass(1_000)
      assert.deepEqual(got, [payload])
      assert.notEqual(got[0], payload)
    })

    on('an id that was sent before is ignored, also when its job is done', async ({ bus }, spot) => {
      const got: number[] = []
      bus.work('shazam.steps', async (job) => void got.push(job.step))
      for (const step of [1, 2]) await bus.send('shazam.steps', { id: 'x', payload: stepJob(step) })
      await spot.eventually(() => got.length > 0)
      await bus.send('shazam.steps', { id: 'x', payload: stepJob(3) })
      await bus.send('shazam.steps', { payload: stepJob(4) })
      await spot.eventually(() => got.includes(4))
      assert.deepEqual(got, [1, 4])
    })

    on('a delayed job waits its time', async ({ bus }, spot) => {
      const got: number[] = []
      bus.work('shazam.steps', async (job) => void got.push(job.step))
      await bus.send('shazam.steps', { payload: stepJob(1), delay: 3_000 })
      await bus.send('shazam.steps', { payload: stepJob(2) })
      await spot.eventually(() => got.length === 1)
      assert.deepEqual(got, [2])
      await spot.pass(3_000)
      await spot.eventually(() => got.length === 2)
    })

    on('as many jobs run at the same time as the worker allows', async ({ bus }, spot) => {
      const gate = Promise.withResolvers<void>()
      let running = 0
      let most = 0
      let done = 0
      bus.work(
        'shazam.steps',
        async (_job, { signal }) => {
          most = Math.max(most, ++running)
          await orStopped(signal, gate.promise)
          running--
          done++
        },
        { concurrency: 3 },
      )
      for (let step = 0; step < 7; step++) await bus.send('shazam.steps', { payload: stepJob(step) })
      await spot.eventually(() => running === 3)
      gate.resolve()
      await spot.eventually(() => done === 7)
      assert.equal(most, 3)
    })

    on('a job whose handler takes longer than the lease keeps it', async ({ bus }, spot) => {
      const attempts: number[] = []
      const gate = Promise.withResolvers<void>()
      bus.work(
        'shazam.steps',
        async (_job, lease) => {
          attempts.push(lease.attempt)
          await orStopped(lease.signal, gate.promise)
          assert.equal(lease.signal.aborted, false)
        },
        { lease: 3_000, concurrency: 2 },
      )
      await bus.send('shazam.steps', { payload: stepJob(1) })
      await spot.pass(20_000)
      gate.resolve()
      await spot.pass(20_000)
      assert.deepEqual(attempts, [1])
    })

    on('a job that fails is tried again, then parked, and can be revived', async ({ bus }, spot) => {
      const attempts: number[] = []
      let broken = true
      bus.work(
        'shazam.steps',
        async (_job, lease) => {
          attempts.push(lease.attempt)
          if (broken) throw new Error('cannot')
        },
        { attempts: 3 },
      )
      const id = await bus.send('shazam.steps', { payload: stepJob(1) })
      await spot.eventually(async () => (await bus.parked()).length > 0)
      assert.deepEqual(attempts, [1, 2, 3])
      const [parked] = await bus.parked()
      assert.deepEqual(parked, {
        id: parked?.id,
        of: id,
        kind: 'job',
        where: 'shazam.steps',
        error: 'cannot',
        attempts: 3,
      })
      broken = false
      await bus.revive(parked?.id ?? '')
      await spot.eventually(() => attempts.length === 4)
      assert.deepEqual(await bus.parked(), [])
    })

    on('a job whose process was killed is taken by the next process', async (process, spot) => {
      const taken = Promise.withResolvers<Lease>()
      process.bus.work('shazam.steps', async (_job, lease) => {
        taken.resolve(lease)
        await new Promise((resolve) => lease.signal.addEventListener('abort', resolve))
      })
      await process.bus.send('shazam.steps', { payload: stepJob(1) })
      await within(spot, taken.promise)
      await process.kill()
      const attempts: number[] = []
      const next = await spot.start()
      next.bus.work('shazam.steps', async (_job, lease) => void attempts.push(lease.attempt))
      await spot.eventually(() => attempts.length > 0)
      assert.deepEqual(attempts, [2])
    })

    on('a worker that lost its job to another cannot complete it any more', async (process, spot) => {
      const { store, bus } = process
      await store.migrate([effects])
      const gate = Promise.withResolvers<void>()
      const late = Promise.withResolvers<unknown>()
      bus.work('shazam.steps', async (_job, lease) => {
        await orStopped(lease.signal, gate.promise)
        await lease.once((tx) => record(tx, 'late', lease.attempt)).then(late.resolve, late.resolve)
      })
      await bus.send('shazam.steps', { payload: stepJob(1) })
      await spot.pass(1)
      const other = await spot.startBeside(process)
      const held = Promise.withResolvers<Lease>()
      const finish = Promise.withResolvers<void>()
      other.bus.work('shazam.steps', async (_job, lease) => {
        held.resolve(lease)
        await orStopped(lease.signal, finish.promise)
        await lease.once((tx) => record(tx, 'newer', lease.attempt))
      })
      await within(spot, held.promise)
      const newer = await held.promise
      gate.resolve()
      await within(spot, late.promise)
      assert.ok(problem('fenced', { current: newer.attempt })(await late.promise))
      finish.resolve()
      await spot.eventually(async () => (await effectsOf(store)).length > 0)
      assert.deepEqual(await effectsOf(store), [{ id: 'newer', attempt: 2 }])
    })

    on('a job whose process dies each time counts every death, and is parked', async (first, spot) => {
      await first.bus.send('shazam.steps', { payload: stepJob(1) })
      const attempts: number[] = []
      let process = first
      const die = async () => {
        const taken = Promise.withResolvers<void>()
        process.bus.work(
          'shazam.steps',
          async (_job, lease) => {
            attempts.push(lease.attempt)
            taken.resolve()
            await orStopped(lease.signal, new Promise(() => {}))
          },
          { attempts: 3 },
        )
        await within(spot, taken.promise)
        await process.kill()
        process = await spot.start()
      }
      for (let death = 0; death < 3; death++) await die()
      process.bus.work('shazam.steps', async () => void attempts.push(-1), { attempts: 3 })
      await spot.eventually(async () => (await process.bus.parked()).length > 0 || attempts.includes(-1))
      assert.deepEqual(attempts, [1, 2, 3])
      const [parked] = await process.bus.parked()
      assert.equal(parked?.error, 'its worker died')
      assert.equal(parked?.attempts, 3)
    })

    on(
      'a job that gets on counts its failures from there, however often its process dies',
      async (first, spot) => {
        await first.bus.send('shazam.steps', { payload: stepJob(1) })
        const attempts: number[] = []
        let process = first
        for (let death = 0; death < 8; death++) {
          const taken = Promise.withResolvers<void>()
          process.bus.work(
            'shazam.steps',
            async (_job, lease) => {
              attempts.push(lease.attempt)
              if (death % 2 === 1) await lease.progress()
              taken.resolve()
              await orStopped(lease.signal, new Promise(() => {}))
            },
            { attempts: 3 },
          )
          await within(spot, taken.promise)
          await process.kill()
          process = await spot.start()
        }
        assert.deepEqual(attempts, [1, 2, 3, 4, 5, 6, 7, 8])
      },
    )

    on('a parked job that is discarded is gone for good', async ({ bus, store }, spot) => {
      bus.work(
        'shazam.steps',
        async () => {
          throw new Error('cannot')
        },
        { attempts: 1 },
      )
      await bus.send('shazam.steps', { payload: stepJob(1) })
      await spot.eventually(async () => (await bus.parked()).length > 0)
      const [parked] = await bus.parked()
      await bus.discard(parked?.id ?? '')
      assert.deepEqual(await bus.parked(), [])
      await assert.rejects(bus.discard(parked?.id ?? ''), problem('not_found'))
      await assert.rejects(bus.revive(parked?.id ?? ''), problem('not_found'))
      if (name === 'embedded')
        assert.deepEqual(await store.db.selectFrom('bus_jobs').selectAll().execute(), [])
    })

    on('a job that is held by a silent worker goes to another when its lease ends', async (process, spot) => {
      const other = await spot.startBeside(process)
      const taken = Promise.withResolvers<Lease>()
      other.bus.work('shazam.steps', async (_job, lease) => {
        taken.resolve(lease)
        await new Promise((resolve) => lease.signal.addEventListener('abort', resolve))
      })
      await other.bus.send('shazam.steps', { payload: stepJob(1) })
      await within(spot, taken.promise)
      const first = await taken.promise
      const attempts: number[] = []
      process.bus.work('shazam.steps', async (_job, lease) => void attempts.push(lease.attempt))
      await spot.pass(20_000)
      assert.deepEqual(attempts, [])
      await spot.pass(20_000)
      await spot.eventually(() => attempts.length > 0)
      assert.deepEqual(attempts, [2])
      assert.equal(first.signal.aborted, false)
      await other.clock.advance(20_000)
      assert.equal(first.signal.aborted, true)
    })
  })

  describe(`${name}: clocks`, () => {
    const HOUR = 3_600_000
    for (const [what, ms] of [
      ['an hour forward', HOUR],
      ['a day forward', 24 * HOUR],
      ['an hour back', -HOUR],
      ['a day back', -24 * HOUR],
    ] as const) {
      on(`a clock that is set ${what} takes no job from its worker`, async ({ bus, clock }, spot) => {
        const attempts: number[] = []
        const gate = Promise.withResolvers<void>()
        let aborted = false
        const handle = async (_job: unknown, { attempt, signal }: Lease) => {
          attempts.push(attempt)
          await orStopped(signal, gate.promise)
          aborted ||= signal.aborted
        }
        bus.work('shazam.steps', handle, { lease: 3_000, concurrency: 2 })
        const id = await bus.send('shazam.steps', { payload: stepJob(1) })
        await spot.eventually(() => attempts.length === 1)
        clock.jump(ms)
        // Another job makes the worker look for what is due.
        await bus.send('shazam.steps', { payload: stepJob(2) })
        await spot.eventually(() => attempts.length >= 2)
        await spot.pass(20_000)
        gate.resolve()
        await spot.pass(1_000)
        assert.deepEqual(attempts, [1, 1], id)
        assert.equal(aborted, false)
        assert.deepEqual(await bus.parked(), [])
      })

      on(`a pause lasts as long as it should when the clock is set ${what}`, async ({ bus, clock }, spot) => {
        const got: string[] = []
        let broken = true
        bus.on('c', ['repo.created'], async (event) => {
          if (broken) throw new Error('not yet')
          got.push(event.data.by)
        })
        bus.work('shazam.steps', async (job) => void got.push(`job ${job.step}`))
        await bus.send('shazam.steps', { payload: stepJob(1), delay: 60_000 })
        await bus.publish('repo.created', { subject: 's', data: created('ann') })
        await spot.pass(10)
        broken = false
        clock.jump(ms)
        await bus.send('shazam.steps', { payload: stepJob(2) })
        await spot.pass(2_000)
        assert.deepEqual(got.toSorted(), ['ann', 'job 2'])
        await spot.pass(58_000)
        assert.deepEqual(got.toSorted(), ['ann', 'job 1', 'job 2'])
      })
    }

    on('a clock that was set back while nothing ran makes no pause longer', async (process, spot) => {
      process.bus.on('c', ['repo.created'], async () => {
        throw new Error('not yet')
      })
      process.bus.work('shazam.steps', async () => {
        throw new Error('not yet')
      })
      await process.bus.send('shazam.steps', { payload: stepJob(1) })
      await process.bus.publish('repo.created', { subject: 's', data: created('ann') })
      await spot.pass(5_000)
      await process[Symbol.asyncDispose]()
      const next = await spot.start(24 * HOUR)
      const got: string[] = []
      next.bus.on('c', ['repo.created'], async (event) => void got.push(event.data.by))
      next.bus.work('shazam.steps', async (job) => void got.push(`job ${job.step}`))
      await next.clock.advance(300_001)
      assert.deepEqual(got.toSorted(), ['ann', 'job 1'])
    })
  })

  describe(`${name}: stopping`, () => {
    on(
      'running handlers are told, and waited for; what they did not finish is not held against them',
      async (process, spot) => {
        const { bus } = process
        const started = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
        const ended: string[] = []
        const untilStopped = async (signal: AbortSignal, what: string) => {
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          ended.push(what)
          throw new Error('stopped half-way')
        }
        bus.on('c', ['repo.created'], async (_event, { signal }) => {
          started[0]?.resolve()
          await untilStopped(signal, 'event')
        })
        bus.work('shazam.steps', async (_job, { signal }) => {
          started[1]?.resolve()
          await untilStopped(signal, 'job')
        })
        await bus.publish('repo.created', { subject: 's', data: created('ann') })
        await bus.send('shazam.steps', { payload: stepJob(1) }, undefined)
        await Promise.all(started.map((one) => one.promise))
        await process[Symbol.asyncDispose]()
        assert.deepEqual(ended.sort(), ['event', 'job'])
        const next = await spot.start()
        const again: string[] = []
        next.bus.on('c', ['repo.created'], async () => void again.push('event'))
        next.bus.work('shazam.steps', async () => void again.push('job'), { attempts: 1 })
        await spot.eventually(() => again.length === 2)
        assert.deepEqual(await next.bus.parked(), [])
      },
    )
  })
}

/** Lets time pass until it resolves: one that never does fails the test. */
async function within(spot: Place, promise: Promise<unknown>): Promise<void> {
  let resolved = false
  void promise.then(() => {
    resolved = true
  })
  await spot.eventually(() => resolved)
}

/** Answers only when told to stop; resolves when it was. */
function answerWhenAborted(bus: Process['bus']): Promise<void> {
  const told = Promise.withResolvers<void>()
  bus.answer('git.list_repositories', async (_input, { signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    told.resolve()
    return []
  })
  return told.promise
}
