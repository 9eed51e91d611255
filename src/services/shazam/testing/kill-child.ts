import type { Server } from '#contracts/registry.ts'
import type { StepJob } from '#contracts/shazam.ts'
import { Secret } from '#kit/secret.ts'
import { openDesk, record, scripts } from './desk.ts'

/** A platform of its own, to be killed: prints each line that its logger was given, as JSON. */
export interface KillChild {
  path: string
  key: { publicKey: string; privateKey: string }
  server: Server
  job: StepJob
  script: string
}

const { path, key, server, job, script } = JSON.parse(process.argv[2] ?? '') as KillChild
const desk = await openDesk(
  { publicKey: key.publicKey, privateKey: new Secret(key.privateKey) },
  path,
  [],
  (line) => process.stdout.write(`${JSON.stringify(line)}\n`),
)
scripts.set(job.run, { script })
desk.records.set(job.node, record(job.node, server))
await desk.start()
await desk.bus.send('shazam.steps', { id: job.run, payload: job })
