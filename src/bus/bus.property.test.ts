import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Tx } from '#store'
import { failOnLeaks } from '#testing/leaks.ts'
import { effects, effectsOf, record } from './testing/effects.ts'
import { implementations, type Place, type Process } from './testing/place.ts'

failOnLeaks()

type Fault = 'none' | 'before' | 'in the effect' | 'after'
type Act =
  | { do: 'produce'; subject: number; count: number; wait: boolean }
  | { do: 'stop' }
  | { do: 'kill' }
  | { do: 'pass'; ms: number }

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('produce' as const),
      subject: fc.nat(2),
      count: fc.integer({ min: 1, max: 5 }),
      wait: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stop' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat(3_000) }) },
)
const story = fc.array(act, { minLength: 3, maxLength: 15 })
const faults = fc.array(fc.constantFrom<Fault>('none', 'none', 'before', 'in the effect', 'after'), {
  minLength: 1,
  maxLength: 20,
})

/** Hands out faults in turn, but never so many to one thing that it would be parked. */
function troubleMaker(list: Fault[]) {
  const given = new Map<string, number>()
  let at = 0
  return (id: string): Fault => {
    const count = given.get(id) ?? 0
    const fault = count < 4 ? (list[at++ % list.length] ?? 'none') : 'none'
    if (fault !== 'none') given.set(id, count + 1)
    return fault
  }
}

/** Does the effect once, with trouble. */
async function handle(
  fault: Fault,
  once: (effect: (tx: Tx) => Promise<void>) => Promise<boolean>,
  id: string,
) {
  if (fault === 'before') throw new Error(fault)
  await once(async (tx) => {
    await record(tx, id, 0)
    if (fault === 'in the effect') throw new Error(fault)
  })
  if (fault === 'after') throw new Error(fault)
}

interface Play {
  attach(process: Process): void
  produce(process: Process, subject: number, id: string): Promise<string>
}

/** Plays a story; returns what was produced in order, what of it was acknowledged, and the effects in order. */
async function tell(spot: Place, acts: Act[], { attach, produce }: Play) {
  const start = async () => {
    const process = await spot.start()
    await process.store.migrate([effects])
    attach(process)
    return process
  }
  const made: string[] = []
  const acknowledged = new Set<string>()
  const open: Promise<unknown>[] = []
  let process = await start()
  for (const one of acts) {
    if (one.do === 'pass') await spot.pass(one.ms)
    else if (one.do === 'produce') {
      for (let n = 0; n < one.count; n++) {
        const id = `${one.subject}:${made.length}`
        made.push(id)
        open.push(
          produce(process, one.subject, id).then(
            () => acknowledged.add(id),
            () => {},
          ),
        )
      }
      if (one.wait) await Promise.all(open)
    } else {
      await (one.do === 'kill' ? process.kill() : process[Symbol.asyncDispose]())
      await Promise.all(open)
      process = await start()
    }
  }
  await Promise.all(open)
  const done = async () => (await effectsOf(process.store)).map((row) => row.id)
  await spot.eventually(async () => acknowledged.difference(new Set(await done())).size === 0)
  return { made, acknowledged, effects: await done() }
}

const once = (list: string[]) => assert.equal(new Set(list).size, list.length, `twice in ${list}`)
const ofSubject = (subject: number) => (id: string) => id.startsWith(`${subject}:`)

for (const [name, place] of implementations) {
  describe(name, () => {
    test('through failures, stops and kills each acknowledged event takes effect exactly once, in order per subject', async () => {
      const property = fc.asyncProperty(story, faults, async (acts, list) => {
        await using spot = await place()
        const trouble = troubleMaker(list)
        const told = await tell(spot, acts, {
          attach: ({ bus }) =>
            void bus.on('c', ['repo.created'], (event, delivery) =>
              handle(trouble(event.data.by), delivery.once, event.data.by),
            ),
          produce: ({ bus }, subject, id) =>
            bus.publish('repo.created', { subject: `s${subject}`, data: { repo: 'ann/web', by: id } }),
        })
        once(told.effects)
        const happened = new Set(told.effects)
        for (const subject of [0, 1, 2])
          assert.deepEqual(
            told.effects.filter(ofSubject(subject)),
            told.made.filter((id) => happened.has(id)).filter(ofSubject(subject)),
          )
      })
      await fc.assert(property, { numRuns: 40 })
    })

    test('without once each acknowledged event is handled at least once, and never before its forerunner', async () => {
      const property = fc.asyncProperty(story, faults, async (acts, list) => {
        await using spot = await place()
        const trouble = troubleMaker(list)
        const seen: string[] = []
        await tell(spot, acts, {
          attach: ({ bus, store }) =>
            void bus.on('c', ['repo.created'], async (event) => {
              const id = event.data.by
              if (trouble(id) === 'before') throw new Error('before')
              if (!seen.includes(id)) seen.push(id)
              await store.transaction((tx) => record(tx, id, 0))
            }),
          produce: ({ bus }, subject, id) =>
            bus.publish('repo.created', { subject: `s${subject}`, data: { repo: 'ann/web', by: id } }),
        })
        const order = (id: string) => Number(id.split(':')[1])
        for (const subject of [0, 1, 2]) {
          const numbers = seen.filter(ofSubject(subject)).map(order)
          assert.deepEqual(
            numbers,
            numbers.toSorted((a, b) => a - b),
          )
        }
      })
      await fc.assert(property, { numRuns: 25 })
    })

    test('through failures, stops and kills each acknowledged job takes effect exactly once', async () => {
      const property = fc.asyncProperty(
        story,
        faults,
        fc.integer({ min: 1, max: 4 }),
        async (acts, list, concurrency) => {
          await using spot = await place()
          const trouble = troubleMaker(list)
          const told = await tell(spot, acts, {
            attach: ({ bus }) =>
              void bus.work('shazam.steps', (job, lease) => handle(trouble(job.run), lease.once, job.run), {
                concurrency,
                attempts: 100,
              }),
            produce: ({ bus }, step, id) =>
              bus.send('shazam.steps', {
                payload: {
                  repo: 'ann/web',
                  run: id,
                  task: 't',
                  step,
                  node: 'n',
                  attempt: 1,
                },
              }),
          })
          once(told.effects)
          assert.deepEqual(await told.acknowledged.difference(new Set(told.effects)), new Set())
        },
      )
      await fc.assert(property, { numRuns: 40 })
    })
  })
}
