import { join } from 'node:path'
import type { Bus } from '#bus'
import { embeddedBus } from '#bus/embedded.ts'
import { systemClock } from '#kit/clock.ts'
import { silentLog } from '#kit/log.ts'
import { isProblem } from '#kit/problem.ts'
import { startService } from '#kit/service.ts'
import { openSqlite } from '#store/sqlite.ts'
import { git } from '../index.ts'

/** A platform of its own process that kills itself at a named point: `node crash-child.ts FOLDER [FAILPOINT]`. */
const [folder = '', failpoint = ''] = process.argv.slice(2)
const dieAt = (point: string) => {
  if (point === failpoint) process.kill(process.pid, 'SIGKILL')
}

const store = openSqlite(join(folder, 'store.sqlite'))
const real = await embeddedBus({ store, clock: systemClock, log: silentLog, source: 'test' })
const bus: Bus = {
  ask: real.ask.bind(real),
  answer: real.answer.bind(real),
  on: real.on.bind(real),
  send: real.send.bind(real),
  work: real.work.bind(real),
  parked: real.parked.bind(real),
  revive: real.revive.bind(real),
  discard: real.discard.bind(real),
  troubles: real.troubles.bind(real),
  async publish(pattern, event, tx) {
    if (pattern === 'repo.pushed') dieAt('before publish')
    const id = await real.publish(pattern, event, tx)
    if (pattern === 'repo.pushed') {
      dieAt('before commit')
      tx?.afterCommit(() => dieAt('after commit'))
    }
    return id
  },
}
real.answer('profiles.authenticate', async () => ({
  user: 'ann',
  admin: false,
  via: 'key' as const,
  credential: 'x',
}))
real.answer('profiles.authorize', async () => ({}))
real.answer('profiles.record_audit', async () => ({ seq: 1 }))
real.answer('registry.list_variables', async () => [])
real.answer('registry.list_secrets', async () => [])
real.answer('profiles.repository_credentials', async () => [])
real.answer('shazam.plan', async () => {
  dieAt('judgement')
  return []
})
real.on('test', ['repo.pushed'], async ({ data }) => say({ pushed: data }))
await startService(
  git,
  { bus, store, clock: systemClock, log: silentLog },
  {
    folder,
    catalog: [],
    ssh: { host: '127.0.0.1', port: 0 },
    http: { host: '127.0.0.1', port: 0 },
    onListen: ({ ssh }) => say({ port: ssh.port }),
  },
)
await real.ask('git.create_repository', { repo: 'ann/infra', by: 'ann' }).catch((error: unknown) => {
  if (!isProblem(error, 'exists')) throw error
})
say({ ready: true })

function say(data: object) {
  process.stdout.write(`${JSON.stringify(data)}\n`)
}
