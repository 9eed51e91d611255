import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { until } from '#testing/until.ts'
import { converge } from './converge.ts'
import { quote } from './quote.ts'
import type { Entry } from './resources/kind.ts'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf } from './testing/graphs.ts'
import { offerPackages } from './testing/packages.ts'
import { echoing, printed, words } from './testing/words.ts'
import type { Connection } from './transport/connection.ts'

/** A server in trouble. It has no Python: nothing of ours needs one. */
let node: Converging
before(async () => {
  node = await startConverging({ systemd: false })
  node.sh(
    offerPackages([
      { name: 'plain' },
      { name: 'slow', scripts: { postinst: 'sleep 3' } },
      { name: 'half', scripts: { postinst: '[ ! -e /tmp/break ] || exit 1' } },
      {
        name: 'kernel',
        scripts: { postinst: 'echo kernel >>/run/reboot-required.pkgs; echo x >/run/reboot-required' },
      },
    ]),
  )
})
after(() => node?.[Symbol.asyncDispose]())

const sh = (line: string) => node.sh(line).trim()
const wish = (text: string, scope = {}) => graphOf(`resources:\n${text}`, {}, scope)
const nothing = graphOf('resources: []')
const failed = ({ failed }: { failed: { resource: string; reason: string }[] }) =>
  failed.map(({ resource, reason }) => `${resource} ${reason}`)

/** The node as another user or another shell finds it. */
const through = (change: (command: string) => string, user = 'root'): Connection => ({
  target: { ...node.server.connection.target, user },
  exec: (command, options) => node.server.connection.exec(change(command), options),
})

test('there is no Python on this server', () =>
  assert.equal(sh('command -v python3 python || echo none'), 'none'))

test('a full disk fails what is on it and nothing else, and the old file is whole', async () => {
  node.sh('mkdir /srv/full; mount -t tmpfs -o size=64k tmpfs /srv/full; echo old >/srv/full/file')
  const noise = { vars: { noise: randomBytes(60_000).toString('base64') } }
  const text = `  - {file: /srv/full/file, content: '{{ vars.noise }}'}\n  - {file: /srv/beside, content: x}`
  const result = await node.make(wish(text, noise))
  assert.match(failed(result).join(), /^file:\/srv\/full\/file .*No space left on device/)
  assert.equal(sh('cat /srv/full/file /srv/beside; ls -A /srv/full'), 'old\nxfile')
  node.sh('umount /srv/full; rmdir /srv/full')
  await node.make(nothing)
})

test('a read-only file system is said, and what is elsewhere is done', async () => {
  node.sh('mkdir /srv/ro; mount -t tmpfs -o ro tmpfs /srv/ro')
  const result = await node.make(
    wish(
      '  - {file: /srv/ro/x, content: x}\n  - {directory: /srv/ro/d}\n  - {file: /srv/beside, content: x}',
    ),
  )
  assert.match(failed(result).join(), /Read-only file system.*Read-only file system/s)
  assert.equal(result.failed.length, 2)
  assert.equal(sh('cat /srv/beside; umount /srv/ro; rmdir /srv/ro'), 'x')
  await node.make(nothing)
})

test('a refused sudo is said before anything is done', async () => {
  const nobody = through((command) => `runuser -u nobody -- sh -c ${quote(command)}`, 'nobody')
  const graph = wish('  - {directory: /srv/x}')
  const act = converge({ connection: nobody, graph, applied: [], onLine() {} })
  await assert.rejects(act, { code: 'sudo_refused' })
})

for (const shell of ['bash', 'busybox sh'])
  test(`a node whose sh is ${shell} is managed the same`, async () => {
    if (shell !== 'bash') node.sh('apt-get -qq update; apt-get -qq -y install busybox >/dev/null 2>&1')
    const other = through((command) => command.replace(/^exec sh$/, `exec ${shell}`))
    const more = wish(`  - {file: "/srv/it's", content: "a\\n"}
  - {link: /srv/l, to: "/srv/it's"}
  - {user: ann, groups: [games]}
  - {line: 'x=1', in: /etc/environment}
  - {limits: own, lines: ['* soft nofile 1000']}
  - {certificate: /srv/c.pem, key: /srv/c.key, names: [a.example]}`)
    const by = (each: typeof more, applied: Entry[]) =>
      converge({ connection: other, graph: each, applied, onLine() {} })
    const first = await by(more, [])
    assert.deepEqual([first.failed, first.lost], [[], undefined])
    const again = await by(more, first.manifest)
    assert.deepEqual(
      again.changes.filter(({ verdict }) => verdict === 'change'),
      [],
    )
    assert.deepEqual((await by(nothing, again.manifest)).failed, [])
    assert.equal(sh('ls /srv | grep -v apt || true'), '')
  })

test('whatever bytes a list of words has, busybox sh sees exactly these words', () => {
  node.sh(
    'command -v busybox >/dev/null || { apt-get -qq update; apt-get -qq -y install busybox >/dev/null 2>&1; }',
  )
  fc.assert(
    // Many lists at a time: to get into the server takes longer than to look at them.
    fc.property(fc.array(words, { minLength: 1, maxLength: 40 }), (lists) => {
      const script = Buffer.concat(lists.flatMap((list) => [echoing(list), Buffer.from('\n')]))
      const answer = sh(`echo ${script.toString('base64')} | base64 -d | busybox sh | base64 -w0`)
      assert.deepEqual(printed(Buffer.from(answer, 'base64')), lists.flat())
    }),
    { numRuns: 20 },
  )
})

test('a flood of output is cut and counted, and the sync goes on', async () => {
  const result = await node.make(
    wish(`  - {command: flood, run: "yes 'a line of some length that says nothing' | head -n 2000000; echo the last word; exit 4", unless: 'false'}
  - {file: /srv/beside, content: x}`),
  )
  const size = node.lines.reduce((sum, { text }) => sum + text.length, 0)
  assert.ok(size < 5 * 1024 * 1024, `${size} characters kept`)
  assert.ok(node.lines.some(({ text }) => /^\d+ more lines of output are not kept$/.test(text)))
  assert.match(failed(result).join(), /ended with 4: .*the last word$/)
  assert.equal(sh('cat /srv/beside'), 'x')
  await node.make(nothing)
})

test('a lock of apt is waited for, and who has it is named', async () => {
  const busy = node.server.connection.exec('apt-get -qq -y install slow >/dev/null 2>&1')
  await until(() => sh('pgrep -x apt-get || true') !== '')
  await until(() => /POSIX/.test(sh('cat /proc/locks')))
  await node.made(wish('  - {package: plain}'))
  await busy
  assert.ok(
    node.lines.some(
      ({ text, resource }) =>
        resource === 'package:plain' &&
        /^waiting for the lock of apt and dpkg: apt-get \(process \d+\) has it$/.test(text),
    ),
    JSON.stringify(node.lines),
  )
  assert.match(
    sh(`dpkg-query -W -f '\${Package} \${db:Status-Status}\\n' plain slow`),
    /plain installed\nslow installed/,
  )
  await node.made(nothing)
})

test('an interrupted dpkg is repaired before anything is installed', async () => {
  node.sh('touch /tmp/break; apt-get -qq -y install half >/dev/null 2>&1 || true; rm /tmp/break')
  assert.match(sh('dpkg --audit'), /half/)
  await node.made(wish('  - {package: plain}'))
  assert.equal(sh('dpkg --audit'), '')
  await node.made(nothing)
})

test('cloud-init at work is waited for, and said', async () => {
  node.sh('mkdir /run/cloud-init')
  const making = node.made(wish('  - {file: /srv/beside, content: x}'))
  await until(() => node.lines.some(({ text }) => /cloud-init is still at work/.test(text)))
  assert.equal(sh('ls /srv/beside 2>/dev/null || echo none'), 'none')
  node.sh('echo {} >/run/cloud-init/result.json')
  await making
  await node.made(nothing)
})

test('what waits for a reboot is a fact', async () => {
  const before = await node.made(nothing)
  assert.deepEqual(before.facts.reboot, { required: false, packages: [] })
  const { facts } = await node.made(wish('  - {package: kernel}'))
  assert.deepEqual(facts.reboot, { required: true, packages: ['kernel'] })
  await node.made(nothing)
})
