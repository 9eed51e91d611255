import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import type { EventData } from '#contracts'
import type { Line } from '#contracts/logger.ts'
import type { StepJob } from '#contracts/shazam.ts'
import { type Fleet, type Machine, startFleet } from '#testing/fleet.ts'
import { until } from '#testing/until.ts'
import { type Desk, openDesk, record, repo, scripts, serverOf } from '../testing/desk.ts'
import type { KillChild } from '../testing/kill-child.ts'
import { startLine } from './logged.ts'

describe('steps', { timeout: 600_000 }, () => {
  let fleet: Fleet
  let machine: Machine
  let desk: Desk
  let service: AsyncDisposable
  before(async () => {
    fleet = await startFleet(1, { plane: 'steps' })
    machine = fleet.machines[0] as Machine
    desk = await deskOf(fleet, machine)
    service = await desk.start()
  })
  after(async () => {
    await service?.[Symbol.asyncDispose]()
    await desk?.[Symbol.asyncDispose]()
    await fleet?.[Symbol.asyncDispose]()
  })

  test('a step tells its output, its exit code and its user', async () => {
    const job = aJob('one', 'id -un; pwd; echo $HOME; echo oops >&2')
    assert.deepEqual(await outcome(desk, job), {
      outcome: 'success',
      exit: 0,
      error: null,
      stdout: 'devops\n/home/devops\n/home/devops\n',
    })
    const lines = desk.lines.filter((line) => line.work === 'one')
    assert.deepEqual(
      lines.filter((line) => line.stream === 'stdout').map((line) => line.text),
      ['devops', '/home/devops', '/home/devops'],
    )
    assert.deepEqual(
      lines.filter((line) => line.stream === 'stderr').map((line) => line.text),
      ['oops'],
    )
    assert.equal(lines[0]?.text, startLine(job))
  })

  test('a script with a shebang is run by its interpreter, and its failure is a failure', async () => {
    const {
      outcome: told,
      exit,
      error,
    } = await outcome(desk, aJob('two', '#!/bin/bash\n[[ 1 == 1 ]] && exit 7'))
    assert.deepEqual({ told, exit, error }, { told: 'failure', exit: 7, error: 'exit code 7' })
  })

  test('a step for a user that is not there fails with a sentence', async () => {
    const { error } = await outcome(desk, aJob('three', 'true', 'nobody-here'))
    assert.equal(error, 'there is no user nobody-here on web')
  })

  test('large output arrives whole and in order, and the event tells its last 64 KiB', async () => {
    const { stdout, outcome: told } = await outcome(desk, aJob('large', 'seq 1 60000'))
    assert.equal(told, 'success')
    assert.equal(stdout.length, 64 * 1024)
    assert.ok(stdout.endsWith('59999\n60000\n'))
    const texts = desk.lines
      .filter((line) => line.work === 'large' && line.stream === 'stdout')
      .map((line) => line.text)
    assert.deepEqual(
      texts,
      Array.from({ length: 60_000 }, (_, i) => String(i + 1)),
    )
  })

  test('a secret is in no line, no event and no error, however it is printed', async () => {
    const secret = 'S3cr+t/value that_is=long'
    const script = `secret='${secret}'
echo "<$secret>"
printf '<'; printf %s "$secret" | od -An -v -tx1 | tr -d ' \\n'; echo '>'
printf 'ab%s' "$secret" | base64 -w0; echo
printf %s 'S3cr+t'; sleep 0.2; printf %s '/value '; sleep 0.2; echo that_is=long
echo "$secret" >&2`
    desk.secrets.push(secret)
    const told = await outcome(desk, aJob('hush', script))
    desk.secrets.pop()
    const lines = desk.lines.filter((line) => line.work === 'hush').map((line) => line.text)
    const printed = ['<***>', '<***>', 'YWJ***', '***']
    const first = startLine({ step: 0, node: 'web', attempt: 1 } as StepJob)
    assert.deepEqual(lines.toSorted(), [...printed, '***', first].toSorted())
    assert.equal(told.stdout, `${printed.join('\n')}\n`)
  })

  test('a job that comes twice runs once', async () => {
    const job = aJob('twice', 'echo x >>/home/devops/twice; sleep 0.2')
    await Promise.all(['a', 'b'].map((id) => desk.bus.send('shazam.steps', { id, payload: job })))
    await finished(desk, job)
    await until(
      async () =>
        (await machine.sh('ls /var/lib/devops/runs/twice-0-1')) ===
        'begun\nboot\nleader\nlock\nrecorded\nstatus\n',
    )
    await desk.bus.send('shazam.steps', { id: 'c', payload: job })
    const late = aJob('late', 'true')
    await outcome(desk, late)
    assert.equal(await machine.sh('cat /home/devops/twice'), 'x\n')
    assert.equal(desk.events.filter((event) => event.id === 'twice/0/web/1').length, 1)
  })

  test('a line is with the logger while the step still runs', async () => {
    const job = aJob('live', 'echo first; while ! [ -e /tmp/go ]; do sleep 0.02; done; echo last')
    await desk.bus.send('shazam.steps', { payload: job })
    await until(() => desk.texts('stdout').includes('first'))
    assert.ok(!desk.events.some((event) => event.subject === 'live/web'))
    await machine.sh('touch /tmp/go')
    assert.equal((await finished(desk, job)).stdout, 'first\nlast\n')
  })

  test('a stopped step ends with all its children and is told as stopped', async () => {
    const job = aJob('stop', 'sleep 4711 & trap "" TERM; sleep 4712 & wait; wait; wait')
    await desk.bus.send('shazam.steps', { payload: job })
    await until(() => machine.sh('pgrep -fx "sleep 4712"'))
    const { run, step, node, attempt } = job
    assert.deepEqual(await desk.bus.ask('shazam.stop_step', { repo, run, step, node, attempt }), {
      stopped: true,
      left: '',
    })
    assert.equal((await finished(desk, job)).outcome, 'stopped')
    await until(async () => (await machine.sh('pgrep -fx "sleep 471[12]" || echo none')) === 'none\n')
    assert.deepEqual(await desk.bus.ask('shazam.stop_step', { repo, run, step, node, attempt }), {
      stopped: false,
      left: '',
    })
  })

  test('a step that is stopped before it was started never starts', async () => {
    const job = aJob('early', 'touch /home/devops/early')
    const { run, step, node, attempt } = job
    assert.deepEqual(await desk.bus.ask('shazam.stop_step', { repo, run, step, node, attempt }), {
      stopped: true,
      left: '',
    })
    assert.equal((await outcome(desk, job)).outcome, 'stopped')
    assert.equal(await machine.sh('ls /home/devops/early 2>/dev/null || echo none'), 'none\n')
  })

  test('what a step leaves running does not hold its end back', async () => {
    const job = aJob('daemon', 'sleep 4713 >/dev/null 2>&1 & echo done')
    assert.equal((await outcome(desk, job)).stdout, 'done\n')
    await machine.sh('pkill -fx "sleep 4713"')
  })

  test('a platform that goes down in the middle takes the step up again, without a gap or a double', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'steps-'))
    const path = join(folder, 'desk.sqlite')
    try {
      const job = aJob(
        'down',
        'for i in 1 2 3; do echo $i; echo e$i >&2; done; while ! [ -e /tmp/on ]; do sleep 0.02; done; echo 4',
      )
      const lines = await (async () => {
        await using first = await deskOf(fleet, machine, path)
        await using _service = await first.start()
        await first.bus.send('shazam.steps', { payload: job })
        await until(() => first.texts('stdout').includes('3') && first.texts('stderr').includes('e3'))
        return first.lines
      })()
      await machine.sh('touch /tmp/on')
      await using second = await deskOf(fleet, machine, path)
      second.lines.push(...lines)
      await using _service = await second.start()
      assert.equal((await finished(second, job)).stdout, '1\n2\n3\n4\n')
      assert.deepEqual(second.texts('stdout'), ['1', '2', '3', '4'])
      assert.deepEqual(second.texts('stderr'), ['e1', 'e2', 'e3'])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('a platform that is killed in the middle takes the step up again, and the step does not notice', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'steps-'))
    const path = join(folder, 'desk.sqlite')
    try {
      const job = aJob(
        'killed',
        'echo x >>/home/devops/killed; echo 1; while ! [ -e /tmp/up ]; do sleep 0.02; done; echo 2',
      )
      const lines = await killAfter(fleet, '1', {
        path,
        server: serverOf(machine),
        job,
        script: scripts.get(job.run)?.script ?? '',
      })
      await machine.sh('touch /tmp/up')
      await using second = await deskOf(fleet, machine, path)
      second.lines.push(...lines)
      await using _service = await second.start()
      assert.equal((await finished(second, job)).outcome, 'success')
      assert.deepEqual(second.texts('stdout'), ['1', '2'])
      assert.equal(await machine.sh('cat /home/devops/killed'), 'x\n')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('a platform that is killed again and again loses neither a long step nor its job', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'steps-'))
    const path = join(folder, 'desk.sqlite')
    try {
      const script = 'echo x >>/home/devops/often; while ! [ -e /tmp/often ]; do sleep 0.02; done; echo 2'
      const job = aJob('often', script)
      for (let kills = 0; kills < 11; kills++)
        await killAfter(fleet, startLine(job), { path, server: serverOf(machine), job, script })
      await using second = await deskOf(fleet, machine, path)
      await using _service = await second.start()
      assert.deepEqual(await second.bus.parked(), [])
      await until(() => second.lines.some(({ text }) => text === startLine(job)))
      await machine.sh('touch /tmp/often')
      assert.equal((await finished(second, job)).outcome, 'success')
      assert.equal(await machine.sh('cat /home/devops/often'), 'x\n')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('a link that is cut in the middle is entered anew, and no byte is lost', async () => {
    const job = aJob('cut', 'echo 1; while ! [ -e /tmp/cut ]; do sleep 0.02; done; echo 2')
    await desk.bus.send('shazam.steps', { payload: job })
    await until(() => desk.lines.some((line) => line.work === 'cut' && line.text === '1'))
    await machine.sh('pkill -KILL -f "^sshd: devops"; touch /tmp/cut')
    assert.equal((await finished(desk, job)).stdout, '1\n2\n')
  })

  test('of a step whose node was rebooted the outcome is unknown, and it is not run again', async () => {
    const job = aJob('reboot', 'echo x >>/home/devops/reboot; sleep 1000')
    await desk.bus.send('shazam.steps', { payload: job })
    await until(() => machine.sh('cat /home/devops/reboot'))
    await machine.reboot()
    const told = await finished(desk, job)
    assert.equal(told.outcome, 'unknown')
    assert.match(told.error ?? '', /shut down or restarted/)
    assert.equal(await machine.sh('cat /home/devops/reboot'), 'x\n')
  })
})

async function deskOf(fleet: Fleet, machine: Machine, path?: string): Promise<Desk> {
  const desk = await openDesk(fleet.key, path)
  desk.records.set('web', record('web', serverOf(machine)))
  return desk
}

function aJob(run: string, script: string, user = 'devops'): StepJob {
  scripts.set(run, { script, user })
  return { repo, run, task: 'deploy', step: 0, node: 'web', attempt: 1 }
}

type Told = EventData<'step.finished'>

async function finished(desk: Desk, job: StepJob): Promise<Told> {
  const event = await desk.event((one) => one.subject === `${job.run}/${job.node}`)
  return event.data as Told
}

async function outcome(
  desk: Desk,
  job: StepJob,
): Promise<Pick<Told, 'outcome' | 'exit' | 'error' | 'stdout'>> {
  await desk.bus.send('shazam.steps', { payload: job })
  const { outcome, exit, error, stdout } = await finished(desk, job)
  return { outcome, exit, error, stdout }
}

/** A platform that runs a job until it has logged a line, and is killed then. Returns what it had logged. */
async function killAfter(fleet: Fleet, text: string, given: Omit<KillChild, 'key'>): Promise<Line[]> {
  const key = { publicKey: fleet.key.publicKey, privateKey: fleet.key.privateKey.reveal() }
  const program = join(import.meta.dirname, '../testing/kill-child.ts')
  const child = spawn(process.execPath, [program, JSON.stringify({ ...given, key })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: Line[] = []
  for await (const line of createInterface(child.stdout)) {
    lines.push(JSON.parse(line) as Line)
    if (lines.at(-1)?.text === text) child.kill('SIGKILL')
  }
  return lines
}
