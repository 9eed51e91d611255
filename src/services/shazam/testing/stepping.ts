import type { EventData } from '#contracts'
import type { StepJob } from '#contracts/shazam.ts'
import { openOutbound } from '#kit/outbound.ts'
import { type Machine, startFleet } from '#testing/fleet.ts'
import { openWire, type Wire } from '#testing/wire.ts'
import { type Desk, openDesk, record, repo, scripts, serverOf } from './desk.ts'

export type Told = EventData<'step.finished'>

/** A machine, the way to it, and a platform that runs steps on it. */
export interface Stepping extends AsyncDisposable {
  machine: Machine
  desk: Desk
  wire: Wire
}

/** `plane`: see FleetOptions. */
export async function openStepping(plane: string): Promise<Stepping> {
  await using stack = new AsyncDisposableStack()
  const fleet = stack.use(await startFleet(1, { plane }))
  const [machine] = fleet.machines
  if (!machine) throw new Error('there is no machine')
  const wire = stack.use(await openWire(machine.ip))
  const desk = stack.use(await openDesk(fleet.key))
  desk.records.set('web', record('web', serverOf(machine, { host: '127.0.0.1', port: wire.port })))
  stack.use(await desk.start({ outbound: openOutbound(['127.0.0.1']) }))
  const undo = stack.move()
  return { machine, desk, wire, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

type More = { env?: Record<string, string>; user?: string }

export function aJob(run: string, script: string, more: More = {}): StepJob {
  scripts.set(run, { script, ...more })
  return { repo, run, task: 'deploy', step: 0, node: 'web', attempt: 1 }
}

export async function finished(desk: Desk, job: StepJob): Promise<Told> {
  return (await desk.event((one) => one.subject === `${job.run}/${job.node}`)).data as Told
}

export async function outcome(desk: Desk, job: StepJob): Promise<Told> {
  await desk.bus.send('shazam.steps', { payload: job })
  return await finished(desk, job)
}

export const stop = (desk: Desk, { run, step, node, attempt }: StepJob) =>
  desk.bus.ask('shazam.stop_step', { repo, run, step, node, attempt })
