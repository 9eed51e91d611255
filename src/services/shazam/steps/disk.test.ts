import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '#testing/until.ts'
import { aJob, finished, openStepping, outcome, type Stepping, stop } from '../testing/stepping.ts'

const runs = '/var/lib/devops/runs'
let scene: Stepping
before(async () => {
  scene = await openStepping('disk')
})
after(() => scene?.[Symbol.asyncDispose]())

/** A small disk of its own for the folders of steps, while `act` runs. */
async function onDisk(options: string, act: () => Promise<void>): Promise<void> {
  const { machine } = scene
  await machine.sh(`mkdir -p ${runs}; mount -t tmpfs -o mode=0711,${options} none ${runs}`)
  try {
    await act()
  } finally {
    await machine.sh(`umount -l ${runs}`)
  }
}

const ran = async (run: string) =>
  (await scene.machine.sh(`cat /home/devops/${run} 2>/dev/null || true`)).trim()

const cases = [
  ['full', 'size=512k', `head -c 1M /dev/zero >${runs}/ballast || true`, /: its disk is full \(/],
  [
    'without inodes',
    'size=1m,nr_inodes=40',
    `for i in $(seq 40); do touch ${runs}/$i || true; done`,
    /no inodes left/,
  ],
  ['read-only', 'size=1m', `mount -o remount,ro ${runs}`, /its disk is read-only/],
] as const

for (const [name, options, spoil, words] of cases)
  test(`on a disk that is ${name} a step fails with that reason and nothing of it runs; afterwards it runs`, async () => {
    await onDisk(options, async () => {
      const run = `disk-${name}`.replaceAll(' ', '-')
      const job = aJob(run, `echo x >>/home/devops/${run}`)
      await scene.machine.sh(spoil)
      const told = await outcome(scene.desk, job)
      assert.equal(told.outcome, 'failure')
      assert.match(told.error ?? '', words)
      assert.equal(await ran(run), '')
      await scene.machine.sh(`mount -o remount,rw ${runs}; find ${runs} -maxdepth 1 -type f -delete`)
      const again = { ...job, attempt: 2 }
      await scene.desk.bus.send('shazam.steps', { payload: again })
      const second = await scene.desk.event(({ id }) => id === `${run}/0/web/2`)
      assert.equal((second.data as { outcome: string }).outcome, 'success')
      assert.equal(await ran(run), 'x')
    })
  })

test('however little room there is, a step runs whole and with its environment or not at all', async () => {
  const filler = `: ${'a'.repeat(9000)}\n`
  const outcomes = new Set<string>()
  for (let pages = 0; pages <= 12; pages++)
    await onDisk('size=128k', async () => {
      await scene.machine.sh(
        `head -c 1M /dev/zero >${runs}/ballast || true; truncate -s -${pages * 4096} ${runs}/ballast`,
      )
      const run = `room-${pages}`
      const script = `echo $WORD >>/home/devops/${run}\n${filler}echo $WORD >>/home/devops/${run}`
      const told = await outcome(
        scene.desk,
        aJob(run, script, { env: { WORD: 'whole', LONG: 'b'.repeat(5000) } }),
      )
      outcomes.add(told.outcome)
      assert.equal(await ran(run), told.outcome === 'success' ? 'whole\nwhole' : '', JSON.stringify(told))
      if (told.outcome !== 'success') {
        assert.equal(told.outcome, 'failure')
        assert.match(told.error ?? '', /its disk is full/)
      }
    })
  assert.deepEqual([...outcomes].sort(), ['failure', 'success'])
})

for (const exit of [0, 3])
  test(`a disk that fills in the middle loses no outcome: exit code ${exit} is told, and that output may be missing`, async () => {
    await onDisk('size=64k', async () => {
      const job = aJob(
        `fills-${exit}`,
        `echo first; while ! [ -e /tmp/fills-${exit} ]; do sleep 0.02; done; echo lost; exit ${exit}`,
      )
      await scene.desk.bus.send('shazam.steps', { payload: job })
      await until(() => scene.desk.lines.some(({ work, text }) => work === job.run && text === 'first'))
      await scene.machine.sh(
        `head -c 1M /dev/zero >${runs}/ballast || true; head -c 1M /dev/zero >>${runs}/${job.run}-0-1/out || true; touch /tmp/fills-${exit}`,
      )
      const told = await finished(scene.desk, job)
      assert.deepEqual([told.outcome, told.exit], [exit === 0 ? 'success' : 'failure', exit])
      assert.ok(
        scene.desk.lines.some(({ work, text }) => work === job.run && /may be missing/.test(text)),
        'nobody says that output is missing',
      )
    })
  })

test('a disk that turns read-only in the middle loses no outcome', async () => {
  await onDisk('size=64k', async () => {
    const job = aJob('turns', 'echo first; while ! [ -e /tmp/turns ]; do sleep 0.02; done; exit 4')
    await scene.desk.bus.send('shazam.steps', { payload: job })
    await until(() => scene.desk.lines.some(({ work, text }) => work === job.run && text === 'first'))
    // As a kernel does it that met an error on the disk: no matter who has files open.
    await scene.machine.sh(
      `mount -o remount,ro ${runs} 2>/dev/null || mount -o bind,remount,ro ${runs} 2>/dev/null || true; touch /tmp/turns`,
    )
    assert.equal((await finished(scene.desk, job)).exit, 4)
    await scene.machine.sh(`mount -o remount,rw ${runs}`)
  })
})

test('a value for later steps that a full disk has cut is no value', async () => {
  await onDisk('size=64k', async () => {
    const job = aJob(
      'cut-value',
      'echo first; while ! [ -e /tmp/cut-value ]; do sleep 0.02; done; echo "path=/srv/$(head -c 9000 /dev/zero | tr "\\0" a)" >>"$DEVOPS_OUTPUT"; exit 0',
    )
    await scene.desk.bus.send('shazam.steps', { payload: job })
    await until(() => scene.desk.lines.some(({ work, text }) => work === job.run && text === 'first'))
    await scene.machine.sh(
      `head -c 1M /dev/zero >${runs}/ballast || true; truncate -s -4096 ${runs}/ballast; touch /tmp/cut-value`,
    )
    const told = await finished(scene.desk, job)
    assert.equal(told.outcome, 'failure')
    assert.match(told.error ?? '', /DEVOPS_OUTPUT is cut/)
    assert.deepEqual(told.outputs, {})
  })
})

test('a step is ended on a full disk too', async () => {
  await onDisk('size=64k,nr_inodes=20', async () => {
    const job = aJob('full-stop', 'echo first; sleep 4721')
    await scene.desk.bus.send('shazam.steps', { payload: job })
    await until(() => scene.desk.lines.some(({ work, text }) => work === job.run && text === 'first'))
    await scene.machine.sh(
      `head -c 1M /dev/zero >${runs}/ballast || true; for i in $(seq 30); do touch ${runs}/$i || true; done`,
    )
    assert.deepEqual(await stop(scene.desk, job), { stopped: true, left: '' })
    assert.equal((await finished(scene.desk, job)).outcome, 'stopped')
  })
})

test('wherever the link is cut while a step is started, the step runs once and its outcome is known', async () => {
  await outcome(scene.desk, aJob('warm', 'true'))
  for (let at = 0; at < 16; at++) {
    const run = `cut-${at}`
    const job = aJob(run, `echo x >>/home/devops/${run}`)
    scene.wire.reset(1 + at * 700, 30)
    const told = await outcome(scene.desk, job)
    scene.wire.heal()
    assert.deepEqual([told.outcome, told.error], ['success', null], `cut after ${1 + at * 700} bytes`)
    assert.equal(await ran(run), 'x')
  }
  assert.ok(scene.wire.cuts > 5)
})
