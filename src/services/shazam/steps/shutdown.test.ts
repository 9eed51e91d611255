import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { StepJob } from '#contracts/shazam.ts'
import { until } from '#testing/until.ts'
import { aJob, finished, openStepping, outcome, type Stepping, stop } from '../testing/stepping.ts'

let scene: Stepping
before(async () => {
  scene = await openStepping('shutdown')
  // It stops first, and everything that it is started after waits for it: sshd answers while the node goes down.
  await scene.machine.sh(`cat >/etc/systemd/system/held.service <<'unit'
[Unit]
After=ssh.service systemd-user-sessions.service dbus.service systemd-logind.service
[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStopSec=infinity
ExecStart=true
ExecStop=sh -c 'while ! [ -e /run/let-go ]; do sleep 0.1; done'
unit
systemctl daemon-reload`)
})
after(() => scene?.[Symbol.asyncDispose]())
beforeEach(() => scene.machine.sh('systemctl start held.service'))

const isOff = (word: string) => word.includes('stopping')
/** Until the node is on its way down, and held there. */
const goesDown = () => until(async () => isOff(await scene.machine.sh('systemctl is-system-running || true')))
/** Lets the node go, and gives it the power back. */
async function comeBack(): Promise<void> {
  await scene.machine.sh('touch /run/let-go')
  await scene.machine.reboot()
}
const folder = ({ run, step, attempt }: StepJob) => `${run}-${step}-${attempt}`
const hasEnded = ({ run }: StepJob) => scene.desk.events.some(({ subject }) => subject === `${run}/web`)
/** The node has refused to begin the step, once or more, or something has been said of it already. */
const isRefused = (job: StepJob) =>
  until(
    async () =>
      hasEnded(job) ||
      (await scene.machine.sh(`ls /run/devops/step-${folder(job)}.stop 2>/dev/null || true`)) !== '',
  )

test('on a node that goes down nothing is started; the step begins once, when the node is back', async () => {
  const job = aJob('held', 'echo x >>/root/held', { user: 'root' })
  await scene.machine.sh('systemctl poweroff --no-block')
  await goesDown()
  await scene.desk.bus.send('shazam.steps', { payload: job })
  await isRefused(job)
  assert.equal(await scene.machine.sh('cat /root/held 2>/dev/null || true'), '')
  assert.ok(!hasEnded(job))
  await comeBack()
  const { outcome: told, error } = await finished(scene.desk, job)
  assert.deepEqual([told, error], ['success', null])
  assert.equal(await scene.machine.sh('cat /root/held'), 'x\n')
})

test('of a step that restarts its node the outcome is unknown, told when the node is back; the next one runs', async () => {
  const job = aJob('restarts', 'echo x >>/root/restarts; systemctl reboot --no-block; sleep 4751', {
    user: 'root',
  })
  await scene.desk.bus.send('shazam.steps', { payload: job })
  await goesDown()
  await until(async () => !(await scene.machine.sh('pgrep -fx "sleep 4751" || true')))
  const next = aJob('next', 'echo x >>/root/next', { user: 'root' })
  await scene.desk.bus.send('shazam.steps', { payload: next })
  await isRefused(next)
  assert.ok(!hasEnded(job))
  await comeBack()
  const told = await finished(scene.desk, job)
  assert.deepEqual(
    [told.outcome, told.error],
    ['unknown', 'the outcome is not known: the node was shut down or restarted while it ran'],
  )
  assert.equal((await finished(scene.desk, next)).outcome, 'success')
  assert.equal(await scene.machine.sh('cat /root/restarts /root/next'), 'x\nx\n')
})

test('a step that is stopped while it waits for its node to come back never begins', async () => {
  const job = aJob('waits', 'touch /root/waits', { user: 'root' })
  await scene.machine.sh('systemctl poweroff --no-block')
  await goesDown()
  await scene.desk.bus.send('shazam.steps', { payload: job })
  await isRefused(job)
  assert.deepEqual(await stop(scene.desk, job), { stopped: true, left: '' })
  assert.equal((await finished(scene.desk, job)).outcome, 'stopped')
  await comeBack()
  assert.equal(await scene.machine.sh('ls /root/waits 2>/dev/null || true'), '')
})

const remains: [when: string, begun: string][] = [
  ['before anything was decided', ''],
  ['when it was decided that it does not begin', 'echo down >"$dir/begun"'],
]
for (const [when, begun] of remains)
  test(`a step that was prepared when its node was restarted, ${when}, begins when the node is back`, async () => {
    const job = aJob(`prepared-${remains.findIndex(([one]) => one === when)}`, 'echo x >>"$HOME/$USER"')
    await scene.machine.sh(`dir=/var/lib/devops/runs/${folder(job)}
mkdir -p -m 0711 "$dir"; cd "$dir"; touch lock script out err outputs; echo another-start 1 >boot; ${begun}`)
    const { outcome: told, error } = await outcome(scene.desk, job)
    assert.deepEqual([told, error], ['success', null])
  })

test('of a step that had begun when its node was restarted the outcome stays unknown', async () => {
  const job = aJob('had-begun', 'true')
  await scene.machine.sh(`dir=/var/lib/devops/runs/${folder(job)}
mkdir -p -m 0711 "$dir"; cd "$dir"; touch lock script out err outputs; echo another-start 1 >boot; echo 99999 >begun`)
  assert.equal((await outcome(scene.desk, job)).outcome, 'unknown')
})
