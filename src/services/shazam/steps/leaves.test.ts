import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import type { StepJob } from '#contracts/shazam.ts'
import { until } from '#testing/until.ts'
import { aJob, finished, openStepping, type Stepping, stop } from '../testing/stepping.ts'
import { prelude } from './shell.ts'

let scene: Stepping
before(async () => {
  scene = await openStepping('leaves')
})
after(() => scene?.[Symbol.asyncDispose]())

/** What has left the group of the step in ways that differ: a session, a clean environment, closed descriptors, TERM that is ignored. */
const ways = `setsid sleep 4731 &
setsid env -i sh -c 'trap "" TERM; sleep 4732; sleep 4732' &
setsid env -i sh -c 'exec 9>&- >/dev/null 2>&1; sleep 4733 & exec sleep 4733' &
(nohup sleep 4734 >/dev/null 2>&1 &)
sh -c 'trap "" TERM HUP INT; setsid sleep 4735 & wait'
echo early; wait`

const running = () => scene.machine.sh('pgrep -fa "sleep 473[0-9]" || true')
const begin = async (job: StepJob, marker: string) => {
  await scene.desk.bus.send('shazam.steps', { payload: job })
  await until(async () => (await running()).includes(marker))
}
const folder = (job: StepJob) => `/var/lib/devops/runs/${job.run}-${job.step}-${job.attempt}`

test('a step that is stopped ends with all that it started, also what left its group; its end is told after that', async () => {
  const job = aJob('left', ways)
  await begin(job, 'sleep 4735')
  const stopping = stop(scene.desk, job)
  const told = await finished(scene.desk, job)
  assert.equal(await running(), '')
  assert.deepEqual([told.outcome, told.error], ['stopped', null])
  assert.deepEqual(await stopping, { stopped: true, left: '' })
})

test('without systemd the same holds for what has kept its environment or its lock', async () => {
  // Of root: in a container only systemd tells what the processes of another user have open.
  const job = aJob('plain', ways.replace(/^.*4733.*\n/m, ''), { user: 'root' })
  await scene.machine.sh('mv /run/systemd/system /run/systemd/away')
  try {
    await begin(job, 'sleep 4735')
    assert.equal(await scene.machine.sh(`grep -l devops-step- /proc/[0-9]*/cgroup 2>/dev/null || true`), '')
    const stopping = stop(scene.desk, job)
    await finished(scene.desk, job)
    assert.equal(await running(), '')
    assert.deepEqual(await stopping, { stopped: true, left: '' })
  } finally {
    await scene.machine.sh('mv /run/systemd/away /run/systemd/system')
  }
})

const endings = {
  'its end is awaited': (_job: StepJob) => scene.machine.sh('touch /tmp/4736'),
  'it can be stopped': (job: StepJob) => stop(scene.desk, job),
}
for (const [name, end] of Object.entries(endings))
  test(`a killed supervisor does not free the node while the step still writes: ${name}`, async () => {
    await scene.machine.sh('rm -f /tmp/4736 /tmp/beat')
    const job = aJob(
      `orphan-${Object.keys(endings).indexOf(name)}`,
      `setsid sh -c 'while ! [ -e /tmp/4736 ]; do date +%s%N >/tmp/beat; sleep 0.1; done' sleep-4736 & echo begun; wait`,
    )
    await scene.desk.bus.send('shazam.steps', { payload: job })
    await until(() => scene.desk.lines.some(({ work, text }) => work === job.run && text === 'begun'))
    await scene.machine.sh(`kill -KILL $(cat ${folder(job)}/begun); kill -KILL -$(cat ${folder(job)}/leader)`)
    const before = await scene.machine.sh('cat /tmp/beat')
    await until(async () => (await scene.machine.sh('cat /tmp/beat')) !== before)
    // Another step of the same node goes through in the meantime: the platform looks, and waits.
    const beside = aJob(`beside-${job.run}`, 'true')
    await scene.desk.bus.send('shazam.steps', { payload: beside })
    await finished(scene.desk, beside)
    assert.ok(!scene.desk.events.some(({ subject }) => subject === `${job.run}/web`))
    await end(job)
    const told = await finished(scene.desk, job)
    assert.equal(await scene.machine.sh('pgrep -f sleep-473[6] || true'), '')
    assert.equal(told.outcome, name === 'it can be stopped' ? 'stopped' : 'unknown')
    if (told.outcome === 'unknown') assert.match(told.error ?? '', /what ran it on the node was killed/)
  })

test('what cannot be ended is told by number and name', async () => {
  const id = { run: `names-${process.pid}`, step: 0, attempt: 1 }
  const env = { ...process.env, DEVOPS_OUTPUT: `/var/lib/devops/runs/${id.run}-0-1/outputs` }
  // It ends with its input, which is held open: how long the looks take is the machine's matter.
  const child = spawn('cat', [], { env, stdio: ['pipe', 'ignore', 'ignore'] })
  await once(child, 'spawn')
  try {
    // The kernel ends everything but what hangs in it: a `kill` that does nothing stands for that.
    const text = `${prelude(id)}\nkill() { :; }\nsleep() { :; }\nfinish`
    assert.equal(execFileSync('sh', ['-c', text], { encoding: 'utf8' }), `${child.pid} (cat)\n`)
  } finally {
    child.kill('SIGKILL')
  }
})
