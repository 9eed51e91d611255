import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf } from './testing/graphs.ts'

/** What goes over the wire to a real server, and what of it stays there. */
let node: Converging
before(async () => {
  node = await startConverging({ systemd: false })
})
after(() => node?.[Symbol.asyncDispose]())

const MiB = 1024 * 1024
const text = 'server { listen 80; }\n'.repeat(MiB / 22)
const noise = randomBytes(MiB / 2).toString('hex')
const resources = `resources:
  - {file: /srv/text, content: '{{ vars.text }}'}
  - {file: /srv/noise, content: '{{ vars.noise }}'}
  - {file: /srv/small, content: '{{ vars.small }}'}`
const wish = (small: string) => graphOf(resources, {}, { vars: { text, noise, small } })

/** Bytes that a sync sends. */
async function sentBy(small: string): Promise<number> {
  const before = node.server.connection.sent
  await node.made(wish(small))
  return node.server.connection.sent - before
}

const files = () => node.sh('find / /run /tmp -xdev -path /proc -prune -o -print | sort').split('\n')

test('files travel compressed, and only those that differ; beside them only our notes are left on the server', async () => {
  // What a first sync makes for itself, once.
  await node.made(graphOf('resources: [{command: first, run: "true"}]'))
  const former = new Set(files())
  const idle = await sentBy('one').then(() => sentBy('one'))
  assert.deepEqual(
    files().filter((path) => !former.has(path) && !/^\/(var\/lib|run)\/devops\//.test(path)),
    ['/srv/noise', '/srv/small', '/srv/text'],
  )
  const changed = await sentBy('two')
  node.sh('rm /srv/text')
  const compressed = await sentBy('two')
  node.sh('rm /srv/noise')
  const whole = await sentBy('two')
  console.log(
    `# bytes sent: nothing to do ${idle}, a small file ${changed}, 1 MiB of text ${compressed}, 1 MiB of hex ${whole}`,
  )
  assert.ok(changed < 64 * 1024, `${changed}`)
  assert.ok(compressed < 100 * 1024, `${compressed}`)
  assert.ok(whole > MiB / 2 && whole < MiB, `${whole}`)
})
