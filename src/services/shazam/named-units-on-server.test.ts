import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { noQuestions } from './facts/state.ts'
import { probe } from './probe.ts'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf } from './testing/graphs.ts'

/** What systemd says of units, and what is in force when something leaves: the server is asked, not the plan. */
let node: Converging
before(async () => {
  node = await startConverging()
})
after(() => node?.[Symbol.asyncDispose]())

const resources = (text: string, more = '') => graphOf(`resources:\n${text}\n${more}`)
const sh = (line: string) => node.sh(line).trim()
const oneshot = `[Service]\\nType=oneshot\\nExecStart=/bin/sh -c 'echo ran >>/srv/ran'\\n`

async function twice(graph: ReturnType<typeof graphOf>): Promise<string[]> {
  await node.made(graph)
  const again = await node.made(graph)
  assert.equal(again.trips, 1)
  return again.did
}

test('one bad name in a batch falsifies no answer about the others', async () => {
  const names = [
    'ssh',
    'foo@.service',
    'a:b\\c@d e',
    'nope',
    'sshd.service',
    'systemd-journald',
    'getty@.service',
    'dbus',
  ]
  const state = await probe(node.server.connection, { ...noQuestions(), units: new Set(names) })
  const told = names.map((name) => [name, state.units.get(name)?.load, state.units.get(name)?.enabled])
  assert.deepEqual(told, [
    ['ssh', 'loaded', 'enabled'],
    ['foo@.service', 'not-found', ''],
    ['a:b\\c@d e', 'not-found', ''],
    ['nope', 'not-found', ''],
    ['sshd.service', 'loaded', 'enabled'],
    ['systemd-journald', 'loaded', 'static'],
    ['getty@.service', 'loaded', 'enabled'],
    ['dbus', 'loaded', 'static'],
  ])
  assert.equal(state.units.get('sshd.service')?.id, 'ssh.service')
})

test('a plan is empty after one sync for units that are static, indirect, masked, an alias, or end by themselves', async () => {
  node.sh(`cd /etc/systemd/system
printf '[Service]\\nExecStart=/bin/sleep 1e6\\n[Install]\\nAlso=in.socket\\n' >in.service
printf '[Socket]\\nListenStream=/run/in\\n[Install]\\nWantedBy=sockets.target\\n' >in.socket
printf '[Unit]\\nConditionPathExists=/nowhere\\n[Service]\\nExecStart=/bin/sleep 1e6\\n[Install]\\nWantedBy=multi-user.target\\n' >unmet.service
printf '[Service]\\nExecStart=/bin/sleep 1e6\\n[Install]\\nWantedBy=multi-user.target\\n' >hidden.service.file
printf '[Service]\\nExecStart=/bin/sleep 1e6\\n[Install]\\nWantedBy=multi-user.target\\nAlias=other.service\\n' >one.service
systemctl daemon-reload; systemctl mask masked.service 2>/dev/null; systemctl enable one 2>/dev/null`)
  for (const wish of [
    '{unit: systemd-journald, enabled: true, running: true}',
    '{unit: systemd-journald, enabled: false}',
    '{unit: in, enabled: true}',
    '{unit: in, enabled: false}',
    '{unit: in.service, enabled: true, running: true}',
    '{unit: masked, enabled: false, running: false}',
    '{unit: other, enabled: true, running: true}',
    '{unit: unmet, enabled: true, running: true}',
  ])
    assert.deepEqual(await twice(resources(`  - ${wish}`)), [], wish)
  await node.made(resources('  []'))
})

test('one that ends by itself is started once, and a second sync leaves it at that', async () => {
  const wish = resources(`  - {unit: once, content: "${oneshot}", running: true}`)
  assert.deepEqual(await twice(wish), [])
  assert.equal(sh('cat /srv/ran'), 'ran')
  await node.made(resources('  []'))
})

test('a masked unit that should run is unmasked, and masked again when it leaves', async () => {
  node.sh(
    `printf '[Service]\\nExecStart=/bin/sleep 1e6\\n' >/usr/lib/systemd/system/hid.service; systemctl daemon-reload; systemctl mask -q hid`,
  )
  assert.deepEqual(await twice(resources('  - {unit: hid, running: true}')), [])
  assert.equal(sh('systemctl is-active hid'), 'active')
  await node.made(resources('  []'))
  assert.equal(sh('systemctl is-enabled hid || true'), 'masked')
  assert.equal(sh('systemctl is-active hid || true'), 'inactive')
})

test('the last that names a handler leaves, and what it dropped is out of force', async () => {
  const effective = () => sh('systemctl show -P ExecReload told; cat /run/told')
  node.sh(`printf '[Service]\\nExecStart=/bin/sleep 1e6\\nExecReload=/bin/sh -c "cat /etc/told.d/* >/run/told 2>/dev/null; true"\\n' >/etc/systemd/system/told.service
mkdir /etc/told.d; systemctl daemon-reload; systemctl start told`)
  await node.made(resources('  - {file: /etc/told.d/a, content: "yes", notify: "reload:told"}'))
  assert.match(effective(), /yes$/)
  await node.made(resources('  []'))
  assert.doesNotMatch(effective(), /yes/)

  const handler = "handlers: {tell: {run: 'cat /etc/told.d/* >/srv/heard 2>/dev/null || true'}}"
  await node.made(resources('  - {file: /etc/told.d/b, content: "yes", notify: tell}', handler))
  assert.equal(sh('cat /srv/heard'), 'yes')
  await node.made(resources('  []'))
  assert.equal(sh('cat /srv/heard'), '')
})

test('a handler whose program leaves too is no failure', async () => {
  const handler =
    'handlers: {tell: {run: /usr/local/sbin/tell}, again: {unit: app, do: reload, check: /usr/local/sbin/tell}}'
  await node.made(
    resources(
      `  - {file: /usr/local/sbin/tell, content: "#!/bin/sh\\n", mode: '0755'}
  - {unit: app, content: "[Service]\\nExecStart=/bin/sleep 1e6\\n", running: true}
  - {file: /etc/app.conf, content: x, notify: [tell, again]}`,
      handler,
    ),
  )
  await node.made(resources('  []'))
  assert.deepEqual((await node.made(resources('  []'))).did, [])
  assert.equal(sh('ls /etc/app.conf /usr/local/sbin/tell 2>/dev/null | wc -l'), '0')
})
