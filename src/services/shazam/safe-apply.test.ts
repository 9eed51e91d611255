import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf } from './testing/graphs.ts'

let node: Converging
before(async () => {
  node = await startConverging()
  node.sh(`mkdir -p /etc/app
printf '#!/bin/sh\\nread -r word </etc/app/conf; [ "$word" != bad ] || { echo "conf: bad word"; exit 1; }; echo "$word" >/run/loaded; exec sleep 1e6\\n' >/usr/local/bin/app
chmod 755 /usr/local/bin/app`)
})
after(() => node?.[Symbol.asyncDispose]())

const sh = (line: string) => node.sh(line).trim()
const app = (word: string, more = '') =>
  graphOf(`resources:
  - {file: /etc/app/conf, content: "${word}\\n", notify: restart:app}
  - {file: /etc/app/other, content: "${word} too\\n", notify: told}
  - unit: app
    content: "[Service]\\nExecStart=/usr/local/bin/app\\n"
    running: true
${more}
handlers: {told: {run: 'cp /etc/app/other /run/told'}}`)

test('a unit that does not come up with its new configuration gets the old one back and runs with it', async () => {
  await node.made(app('good'))
  const result = await node.make(app('bad'))
  assert.deepEqual(
    result.failed.map(({ resource }) => resource),
    ['file:/etc/app/conf', 'handler:restart:app'],
  )
  assert.match(
    result.failed[0]?.reason ?? '',
    /handler:restart:app failed with it \(.*conf: bad word.*\), so the former state is back/,
  )
  assert.match(result.failed[1]?.reason ?? '', /conf: bad word.*; with the former state it went well/)
  assert.ok(
    node.lines.some(
      ({ text }) => text === 'file:/etc/app/conf is given back as it was: handler:restart:app failed',
    ),
  )
  assert.equal(
    sh('cat /etc/app/conf /etc/app/other /run/told; systemctl is-active app'),
    'good\nbad too\nbad too\nactive',
  )
  assert.equal(sh('ls /run/devops/undo 2>/dev/null || echo none'), 'none')
})

test('the next sync tries it again, and a good one is taken', async () => {
  assert.equal((await node.make(app('bad'))).failed.length, 2)
  await node.made(app('better'))
  assert.equal(sh('cat /run/loaded; systemctl is-active app'), 'better\nactive')
  assert.deepEqual((await node.made(app('better'))).did, [])
})

test('a file that was not there before is gone again, and a unit that falls over at once is no success', async () => {
  node.sh(
    'printf "#!/bin/sh\\n[ ! -e /etc/app/poison ] || exit 3\\nexec sleep 1e6\\n" >/usr/local/bin/late; chmod 755 /usr/local/bin/late',
  )
  const late = (more: string) =>
    graphOf(`resources:
  - unit: late
    content: "[Service]\\nExecStart=/usr/local/bin/late\\n"
    running: true${more}`)
  await node.made(late(''))
  const result = await node.make(late('\n  - {file: /etc/app/poison, content: x, notify: restart:late}'))
  assert.deepEqual(
    result.failed.map(({ resource }) => resource),
    ['file:/etc/app/poison', 'handler:restart:late'],
  )
  assert.equal(sh('ls /etc/app/poison 2>/dev/null; systemctl is-active late'), 'active')
  assert.deepEqual((await node.made(late(''))).did, [])
  await node.made(graphOf('resources: []'))
})

test('handlers run at a named point, and what comes after it waits for them', async () => {
  const wish = (n: number, run: string) =>
    graphOf(`resources:
  - {file: /etc/app/a, content: "${n}", notify: first}
  - flush: before the second file
  - {file: /etc/app/b, content: "${n}", check: 'grep -q ${n} /run/first', notify: second}
handlers: {first: {run: '${run}'}, second: {run: 'cp /etc/app/b /run/second'}}`)
  await node.made(wish(1, 'cp /etc/app/a /run/first'))
  assert.equal(sh('cat /run/first /run/second'), '11')
  assert.deepEqual((await node.made(wish(1, 'cp /etc/app/a /run/first'))).did, [])
  const broken = await node.make(wish(2, 'echo no; exit 1'))
  assert.deepEqual(broken.failed.map(({ resource }) => resource).toSorted(), [
    'file:/etc/app/a',
    'handler:x/first',
  ])
  assert.deepEqual(broken.stopped, ['flush:before the second file', 'file:/etc/app/b'])
  assert.equal(sh('cat /etc/app/a /etc/app/b'), '11')
  await node.made(graphOf('resources: []'))
})
