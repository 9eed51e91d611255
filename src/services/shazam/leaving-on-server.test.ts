import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf } from './testing/graphs.ts'

/** What is taken out does not go on running: the processes are asked, not the plan. */
let node: Converging
before(async () => {
  node = await startConverging()
})
after(() => node?.[Symbol.asyncDispose]())

const resources = (text: string) => graphOf(`resources:\n${text}`)
const nothing = graphOf('resources: []')
const sh = (line: string) => node.sh(line).trim()
/** Of programs that are told apart by how long they sleep. */
const runs = (seconds: number) => sh(`pgrep -fx '(/usr)?/bin/sleep ${seconds}' || true`) !== ''
const units = () => sh('ls /etc/systemd/system /etc/systemd/system/*.wants | sort')
const service = (seconds: number, more = '') =>
  `"[Service]\\nExecStart=/bin/sleep ${seconds}\\n${more}\\n[Install]\\nWantedBy=multi-user.target\\n"`

/** Takes all of it out, and looks twice. */
async function leave(bare: string) {
  await node.made(nothing)
  const again = await node.made(nothing)
  assert.deepEqual(again.did, [])
  assert.equal(units(), bare)
  assert.equal(sh('systemctl list-units --all --plain --no-legend "app*" | cut -d" " -f1'), '')
}

test('a unit of which nothing is said but its file is stopped before the file leaves, whoever started it', async () => {
  const bare = units()
  await node.made(resources(`  - {unit: app, content: ${service(7001)}}`))
  assert.deepEqual((await node.made(resources(`  - {unit: app, content: ${service(7001)}}`))).did, [])
  sh('systemctl start app; systemctl enable -q app')
  assert.equal(runs(7001), true)
  await leave(bare)
  assert.equal(runs(7001), false)
})

test('a unit that is only enabled, and one whose start is a command, are stopped', async () => {
  const bare = units()
  await node.made(
    resources(`  - {unit: app-a, content: ${service(7002)}, enabled: true}
  - {file: /etc/systemd/system/app-b.service, content: ${service(7003)}}
  - {command: start b, run: systemctl daemon-reload; systemctl start app-a app-b, unless: systemctl is-active app-b}`),
  )
  assert.deepEqual([runs(7002), runs(7003)], [true, true])
  await leave(bare)
  assert.deepEqual([runs(7002), runs(7003)], [false, false])
})

test('a program that its socket, path or timer starts is stopped, and is not started again on the way out', async () => {
  const bare = units()
  const wish = resources(`  - {unit: app-s.service, content: ${service(7004)}}
  - {unit: app-s.socket, content: "[Socket]\\nListenStream=7777\\nAccept=no\\n", running: true}
  - {unit: app-p.service, content: ${service(7005)}}
  - {unit: app-p.path, content: "[Path]\\nPathExists=/srv/go\\n", running: true}
  - {timer: app-t, schedule: '2001-01-01', run: 'exec /bin/sleep 7006'}`)
  await node.made(wish)
  sh(
    'touch /srv/go; timeout 2 sh -c "exec 3<>/dev/null; true"; curl -s -m 1 http://127.0.0.1:7777/ || true; systemctl start --no-block app-t.service',
  )
  sh(
    'for i in $(seq 50); do [ "$(systemctl is-active app-s.service app-p.service)" = "$(printf \'active\\nactive\')" ] && break; sleep 0.1; done',
  )
  assert.deepEqual([runs(7004), runs(7005), runs(7006)], [true, true, true])
  // Somebody who knocks all the time.
  sh('(while [ ! -e /srv/stop ]; do curl -s -m 0.2 http://127.0.0.1:7777/; done) >/dev/null 2>&1 &')
  await leave(bare)
  sh('touch /srv/stop')
  assert.deepEqual([runs(7004), runs(7005), runs(7006)], [false, false, false])
  assert.equal(sh('ss -Hltn sport = :7777'), '')
})

test('instances of a template leave with it, as does a unit whose file somebody has deleted', async () => {
  const bare = units()
  await node.made(
    resources(`  - {file: /etc/systemd/system/app@.service, content: ${service(7007)}}
  - {unit: app@one, enabled: true, running: true}
  - {unit: app-gone, content: ${service(7008)}, running: true}`),
  )
  sh('systemctl start app@two; rm /etc/systemd/system/app-gone.service; systemctl daemon-reload')
  assert.deepEqual([runs(7007), runs(7008)], [true, true])
  await leave(bare)
  assert.deepEqual([runs(7007), runs(7008)], [false, false])
})

test('a program that is renamed gives up its port for itself', async () => {
  const bare = units()
  const listens = (name: string) =>
    resources(
      `  - {unit: ${name}, enabled: true, content: "[Service]\\nExecStart=/usr/bin/perl -MIO::Socket::INET -e 'push @s, IO::Socket::INET->new(LocalAddr => q(127.0.0.1:7778), Listen => 5, ReuseAddr => 1) or die; sleep 7009'\\n[Install]\\nWantedBy=multi-user.target\\n"}
  - {command: start ${name}, run: systemctl start ${name}, unless: systemctl is-active ${name}}`,
    )
  await node.made(listens('app-old'))
  await node.made(listens('app-new'))
  assert.notEqual(sh('ss -Hltn sport = :7778'), '')
  assert.equal(sh('systemctl is-active app-old app-new || true'), 'inactive\nactive')
  assert.deepEqual((await node.made(listens('app-new'))).did, [])
  await leave(bare)
  assert.equal(sh('ss -Hltn sport = :7778'), '')
})

test('a unit that was there before us runs on with what it was', async () => {
  sh(
    `printf '[Service]\\nExecStart=/bin/sleep 7010\\n' >/etc/systemd/system/theirs.service; systemctl daemon-reload; systemctl start theirs`,
  )
  await node.made(resources(`  - {unit: theirs, content: ${service(7011)}, running: true}`))
  assert.deepEqual([runs(7010), runs(7011)], [false, true])
  await node.made(nothing)
  assert.deepEqual([runs(7010), runs(7011)], [true, false])
  assert.match(sh('cat /etc/systemd/system/theirs.service'), /7010/)
  assert.deepEqual((await node.made(nothing)).did, [])
})

test('what a drop-in set is out of force when it leaves with its unit, or without it', async () => {
  sh(
    `printf '[Service]\\nExecStart=/bin/sleep 7012\\n' >/etc/systemd/system/ours.service; systemctl daemon-reload; systemctl start ours`,
  )
  const set = () =>
    sh('tr "\\0" "\\n" </proc/$(systemctl show -P MainPID ours)/environ | grep ^SHOP= || true')
  const dropIn = '{unit: ours, drop_ins: {shop: "[Service]\\nEnvironment=SHOP=open\\n"}}'
  for (const rest of ['[]', '[{unit: ours, running: true}]']) {
    await node.made(graphOf(`resources: [${dropIn}]`))
    assert.equal(set(), 'SHOP=open')
    await node.made(graphOf(`resources: ${rest}`))
    assert.deepEqual([set(), runs(7012)], ['', true])
    assert.deepEqual((await node.made(graphOf(`resources: ${rest}`))).did, [])
  }
})
