import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cron as Croner } from 'croner'
import { sql } from 'kysely'
import type { Cron } from '#contracts/descriptors.ts'
import { until } from '#testing/until.ts'
import { aTask, tip } from '../testing/descriptors.ts'
import { REPO, World } from '../testing/world.ts'
import { calendarOf } from './calendar.ts'
import { dueSlots, lineOf, MOST_COUNTED, MOST_MADE_UP, nextSlot } from './slots.ts'

const at = (text: string) => Date.parse(text)
const text = (slot: number | null) => (slot === null ? 'none' : new Date(slot).toISOString().slice(0, 16))

function slotsAfter(written: Cron, from: string, count: number): string[] {
  const found: (number | null)[] = []
  let after = at(from)
  for (let i = 0; i < count; i++) {
    const slot = nextSlot(lineOf(written), after)
    found.push(slot)
    after = slot ?? after
  }
  return found.map(text)
}

const berlin = (cron: string): Cron => ({ cron, timezone: 'Europe/Berlin' })

const calendars: [what: string, line: Cron, from: string, slots: string[]][] = [
  [
    'a line is UTC when nothing is said',
    '0 5 * * *',
    '2026-01-01T04:00Z',
    ['2026-01-01T05:00', '2026-01-02T05:00'],
  ],
  [
    'a line has its own time zone',
    berlin('0 5 * * *'),
    '2026-07-01T00:00Z',
    ['2026-07-01T03:00', '2026-07-02T03:00'],
  ],
  [
    'an hour that a day does not have is one slot, at the end of the gap',
    berlin('30 2 * * *'),
    '2026-03-28T12:00Z',
    ['2026-03-29T01:00', '2026-03-30T00:30'],
  ],
  [
    'an hour that a day has twice is one slot, in the first',
    berlin('30 2 * * *'),
    '2026-10-24T12:00Z',
    ['2026-10-25T00:30', '2026-10-26T01:30'],
  ],
  [
    'every half an hour stays so when clocks go back',
    berlin('*/30 * * * *'),
    '2026-10-25T00:00Z',
    ['2026-10-25T00:30', '2026-10-25T01:00', '2026-10-25T01:30', '2026-10-25T02:00'],
  ],
  [
    'every hour stays so when clocks go forward',
    berlin('0 * * * *'),
    '2026-03-28T23:30Z',
    ['2026-03-29T00:00', '2026-03-29T01:00', '2026-03-29T02:00'],
  ],
  [
    'several times in an hour that a day does not have are one slot, at the end of the gap',
    berlin('0,30 2 * * *'),
    '2026-03-28T12:00Z',
    ['2026-03-29T01:00', '2026-03-30T00:00', '2026-03-30T00:30'],
  ],
  [
    'several times in an hour that a day has twice come in the first only',
    berlin('0,30 2 * * *'),
    '2026-10-24T12:00Z',
    ['2026-10-25T00:00', '2026-10-25T00:30', '2026-10-26T01:00'],
  ],
  [
    'a step of minutes in an hour that a day has twice comes in the first only',
    berlin('*/20 2 * * *'),
    '2026-10-24T23:00Z',
    ['2026-10-25T00:00', '2026-10-25T00:20', '2026-10-25T00:40', '2026-10-26T01:00'],
  ],
  [
    'every second hour keeps to the hours of the wall clock when clocks go back',
    berlin('0 */2 * * *'),
    '2026-10-24T22:30Z',
    ['2026-10-25T00:00', '2026-10-25T03:00', '2026-10-25T05:00'],
  ],
  [
    'every second hour keeps to the hours of the wall clock when clocks go forward',
    berlin('0 */2 * * *'),
    '2026-03-28T23:30Z',
    ['2026-03-29T01:00', '2026-03-29T02:00', '2026-03-29T04:00'],
  ],
  [
    'a range of hours over the gap has one slot for what the day does not have',
    berlin('15 1-3 * * *'),
    '2026-03-28T23:30Z',
    ['2026-03-29T00:15', '2026-03-29T01:00', '2026-03-29T01:15'],
  ],
  [
    'hours written as 0-23 are every hour, also when clocks go back',
    berlin('0 0-23 * * *'),
    '2026-10-24T23:30Z',
    ['2026-10-25T00:00', '2026-10-25T01:00', '2026-10-25T02:00'],
  ],
  [
    'a gap of half an hour ends half an hour later',
    { cron: '10,20 2 * * *', timezone: 'Australia/Lord_Howe' },
    '2026-10-03T12:00Z',
    ['2026-10-03T15:30', '2026-10-04T15:10'],
  ],
  [
    'a nickname that names an hour follows the wall clock: a midnight that a day does not have',
    { cron: '@daily', timezone: 'America/Havana' },
    '2026-03-07T12:00Z',
    ['2026-03-08T05:00', '2026-03-09T04:00'],
  ],
  [
    'day and weekday together: either is enough',
    '0 0 13 * 5',
    '2026-01-08T12:00Z',
    ['2026-01-09T00:00', '2026-01-13T00:00', '2026-01-16T00:00'],
  ],
  ['a leap day comes', '0 0 29 2 *', '2026-01-01T00:00Z', ['2028-02-29T00:00', '2032-02-29T00:00']],
]
for (const [what, line, from, slots] of calendars)
  test(what, () => assert.deepEqual(slotsAfter(line, from, slots.length), slots))

test('slots before a moment are those that came after one another until then', () => {
  for (const cron of ['0,30 2 * * *', '*/7 1-3 * * *', '0 * * * *', '@daily']) {
    const calendar = calendarOf(cron, 'Europe/Berlin')
    for (const until of ['2026-03-29T12:00Z', '2026-10-25T12:00Z', '2026-10-25T00:45Z'].map(at)) {
      const forward: number[] = []
      for (let slot = calendar.next(until - 5 * 86_400_000); slot !== null && slot <= until; ) {
        forward.push(slot)
        slot = calendar.next(slot)
      }
      assert.deepEqual(calendar.previous(4, until), forward.slice(-4), `${cron} until ${text(until)}`)
    }
  }
})

const hourly = (missed: 'skip' | 'once' | 'all') => lineOf({ cron: '0 * * * *', missed })

test('a slot that is two minutes late is not missed, by any policy', () => {
  for (const missed of ['skip', 'once', 'all'] as const)
    assert.deepEqual(dueSlots(hourly(missed), at('2026-01-01T01:00Z'), at('2026-01-01T01:02Z')), {
      runs: [at('2026-01-01T01:00Z')],
      left: 0,
      more: false,
    })
})

test('slots that were missed: none, one or all of them get a run', () => {
  const due = (missed: 'skip' | 'once' | 'all') =>
    dueSlots(hourly(missed), at('2026-01-01T01:00Z'), at('2026-01-01T03:30Z'))
  assert.deepEqual(due('skip'), { runs: [], left: 3, more: false })
  assert.deepEqual(due('once'), { runs: [at('2026-01-01T03:00Z')], left: 2, more: false })
  assert.deepEqual(due('all').runs.map(text), ['2026-01-01T01:00', '2026-01-01T02:00', '2026-01-01T03:00'])
})

test('no more than the newest 24 slots are made up for, also after ten years', () => {
  const { runs, left } = dueSlots(hourly('all'), at('2026-01-01T01:00Z'), at('2026-01-03T12:00Z'))
  assert.equal(runs.length, MOST_MADE_UP)
  assert.equal(text(runs.at(-1) ?? 0), '2026-01-03T12:00')
  assert.equal(left, 36)
  const minutely = lineOf({ cron: '* * * * *', missed: 'all' })
  const late = dueSlots(minutely, at('2026-01-01T01:00Z'), at('2036-01-01T00:00Z'))
  assert.equal(text(late.runs.at(-1) ?? 0), '2036-01-01T00:00')
  assert.equal(late.runs.length, MOST_MADE_UP)
})

test('after eight days a minutely line is decided by its newest slots alone, and says that there were more', (t) => {
  const looks = t.mock.method(Croner.prototype, 'nextRun').mock
  for (const missed of ['skip', 'once', 'all'] as const) {
    const line = lineOf({ cron: '* * * * *', missed })
    looks.resetCalls()
    const { runs, left, more } = dueSlots(line, at('2026-01-01T00:00Z'), at('2026-01-09T00:00:30Z'))
    assert.equal(runs.length + left, MOST_COUNTED)
    assert.equal(more, true)
    assert.equal(text(runs.at(-1) ?? 0), '2026-01-09T00:00')
    const count = looks.callCount()
    assert.ok(count > 0 && count <= MOST_COUNTED + 2, `${count} slots were looked at`)
  }
})

const HOUR = 3_600_000
const scheduled = (crons: Cron[]) => tip(1, ['web'], [aTask('t', ['ls'], { crons })])

async function start(crons: Cron[]): Promise<World> {
  const world = await World.open()
  await world.push(scheduled(crons))
  await until(async () => (await schedules(world)).length === crons.length)
  return world
}

const schedules = (world: World) => world.bus.ask('tasker.list_schedules', { repo: REPO })
/** `by` whom and of which slot the runs are, oldest first. */
const slots = async (world: World) =>
  (await world.runs()).map(({ cause }) => cause.detail.replace(/^.* of /, '')).reverse()
/** So many runs, and no more once everything has come to rest. */
async function runsAre(world: World, expected: string[]): Promise<void> {
  await until(async () => (await slots(world)).length >= expected.length)
  await world.clock.advance(0)
  assert.deepEqual(await slots(world), expected)
}
const nextIs = (world: World, slot: string) =>
  until(async () => text((await schedules(world))[0]?.next_at ?? null) === slot)

test('a cron starts its task once a slot, and the run says of which line and slot it is', async () => {
  await using world = await start([{ cron: '30 * * * *', timezone: 'Asia/Kolkata' }])
  await world.clock.advance(HOUR)
  await nextIs(world, '2026-01-01T02:00')
  const [run] = await world.runs()
  assert.deepEqual(run?.cause, {
    kind: 'cron',
    by: 'devo.ps',
    detail: '30 * * * * (Asia/Kolkata) of 2026-01-01T01:00Z',
    depth: 0,
  })
  await world.clock.advance(HOUR)
  await runsAre(world, ['2026-01-01T01:00Z', '2026-01-01T02:00Z'])
})

test('a push leaves the slots of a line that stays, takes those of one that goes, and begins with one that comes', async () => {
  await using world = await start(['0 * * * *', '15 * * * *'])
  await world.push({ ...scheduled(['0 * * * *', '45 * * * *']), commit: '2'.padStart(40, '0') })
  await until(async () => (await schedules(world)).some(({ cron }) => cron === '45 * * * *'))
  assert.deepEqual(
    (await schedules(world)).map(({ cron, next_at }) => [cron, text(next_at)]),
    [
      ['45 * * * *', '2026-01-01T00:45'],
      ['0 * * * *', '2026-01-01T01:00'],
    ],
  )
})

const jumps: [what: string, ms: number, missed: 'skip' | 'once' | 'all', runs: string[]][] = [
  ['an hour', 1.5 * HOUR, 'skip', []],
  ['an hour', 1.5 * HOUR, 'once', ['2026-01-01T01:00Z']],
  ['a day', 24.5 * HOUR, 'skip', []],
  ['a day', 24.5 * HOUR, 'once', ['2026-01-02T00:00Z']],
  ['three hours', 3.5 * HOUR, 'all', ['2026-01-01T01:00Z', '2026-01-01T02:00Z', '2026-01-01T03:00Z']],
]
for (const [what, ms, missed, runs] of jumps)
  test(`a clock that jumps forward by ${what}, missed: ${missed}: ${runs.length} runs`, async () => {
    await using world = await start([{ cron: '0 * * * *', missed }])
    world.clock.jump(ms)
    await world.clock.advance(30_000)
    await until(async () => ((await schedules(world))[0]?.next_at ?? 0) > world.clock.now())
    await runsAre(world, runs)
  })

test('a clock that goes back by an hour gives no slot a second run', async () => {
  await using world = await start(['0 * * * *'])
  await world.clock.advance(HOUR)
  await runsAre(world, ['2026-01-01T01:00Z'])
  world.clock.jump(-HOUR)
  await world.clock.advance(HOUR + 60_000)
  await runsAre(world, ['2026-01-01T01:00Z'])
})

test('a clock that goes back by a day gives no slot a second run', async () => {
  await using world = await start(['0 * * * *'])
  await world.clock.advance(HOUR)
  await runsAre(world, ['2026-01-01T01:00Z'])
  world.clock.jump(-24 * HOUR)
  await world.clock.advance(60_000)
  world.clock.jump(24 * HOUR)
  await world.clock.advance(HOUR)
  await runsAre(world, ['2026-01-01T01:00Z', '2026-01-01T02:00Z'])
})

test('a platform that was stopped at the moment of a slot gives it one run when it is back, and one only', async () => {
  await using world = await start(['0 * * * *'])
  await world.clock.advance(HOUR - 1000)
  await world.restart()
  await world.clock.advance(1000)
  await nextIs(world, '2026-01-01T02:00')
  await world.restart()
  await world.clock.advance(60_000)
  await runsAre(world, ['2026-01-01T01:00Z'])
})

test('while git does not answer nothing starts; within two minutes nothing is lost', async () => {
  await using world = await start(['0 * * * *'])
  world.deaf = true
  await world.clock.advance(HOUR + 20_000)
  assert.deepEqual(await world.runs(), [])
  world.deaf = false
  await world.clock.advance(60_000)
  await runsAre(world, ['2026-01-01T01:00Z'])
})

test('a run and the next slot are written together or not at all, and a broken one holds up no other', async () => {
  await using world = await start(['0 * * * *', '5 * * * *'])
  await sql`create trigger broken before update on tasker_schedules when new.cron = '0 * * * *'
    begin select raise(abort, 'the disk is full'); end`.execute(world.store.db)
  await world.clock.advance(HOUR + 6 * 60_000)
  await until(async () => (await slots(world)).length > 0)
  assert.deepEqual(await slots(world), ['2026-01-01T00:05Z', '2026-01-01T01:05Z'])
  await sql`drop trigger broken`.execute(world.store.db)
  await world.clock.advance(30_000)
  await until(async () => (await schedules(world)).every(({ next_at }) => next_at > world.clock.now()))
  assert.equal((await slots(world)).length, 2, 'six minutes late is missed')
})

test('a start after an upgrade arms the crons and triggers of a task that nobody changes, and loses no slot of others', async () => {
  await using world = await start(['0 * * * *', '15 * * * *'])
  const before = await schedules(world)
  const { db } = world.store
  await db.deleteFrom('tasker_schedules').where('repo', '=', REPO).where('cron', '=', '15 * * * *').execute()
  await db.deleteFrom('tasker_arming').execute()
  world.deaf = true
  await world.restart()
  await world.clock.advance(1000)
  assert.equal((await schedules(world)).length, 1, 'git does not answer yet')
  world.deaf = false
  await world.clock.advance(30_000)
  await until(async () => (await schedules(world)).length === 2)
  assert.deepEqual(await schedules(world), before)
})

test('the crons of a repository are its own: a neighbour has others, and a push to one leaves those of the other', async () => {
  await using world = await start(['0 * * * *'])
  const before = await schedules(world)
  await world.push({ ...scheduled(['0 * * * *', '30 * * * *']), repo: 'bob/site' })
  const ofBob = async () =>
    (await world.bus.ask('tasker.list_schedules', { repo: 'bob/site' })).map(({ cron }) => cron)
  await until(async () => (await ofBob()).length > 0)
  assert.deepEqual(await ofBob(), ['30 * * * *', '0 * * * *'])
  assert.deepEqual(await schedules(world), before)
  await world.push({ ...scheduled([]), commit: '2'.padStart(40, '0') })
  await until(async () => (await schedules(world)).length === 0)
  assert.deepEqual(await ofBob(), ['30 * * * *', '0 * * * *'])
})
