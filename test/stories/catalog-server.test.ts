import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { type ServiceStory, startServiceStory } from '#testing/service-story.ts'

/** The base layer: options and commands of `server`, on a real server. */
let story: ServiceStory

before(async () => {
  story = await startServiceStory('base')
})
after(() => story?.[Symbol.asyncDispose]())

/** A repository of packages on the server itself, with one package `own-tool` of a version. */
const offer = (version: string) =>
  sh(`set -e; mkdir -p /srv/apt /tmp/own/DEBIAN; cd /srv/apt
printf 'Package: own-tool\nVersion: ${version}\nArchitecture: all\nMaintainer: test\nDescription: made by a test\n' >/tmp/own/DEBIAN/control
dpkg-deb --build --root-owner-group /tmp/own own.deb >/dev/null
{ cat /tmp/own/DEBIAN/control; printf 'Filename: ./own.deb\nSize: %s\nSHA256: %s\n\n' "$(stat -c %s own.deb)" "$(sha256sum <own.deb | cut -d' ' -f1)"; } >Packages`)
const version = async () => (await sh(`dpkg-query -W -f '\${Version}' own-tool`)).trim()
const docker = promisify(execFile)

const sh = (line: string) => story.sh('box', line)

test('host name, packages, limits and locale of a bare node are as its descriptor says', async () => {
  await story.wish('box', [], { server: { hostname: 'shop.example', packages: ['tree'] } })
  assert.equal(await sh('hostname; command -v tree'), 'shop.example\n/usr/bin/tree\n')
  const { person, clone } = story
  const enter = ['ssh', 'box', '--repo', clone.repo, '--identity', person.keyFile, '--']
  const looked = await person.devops(...enter, 'sudo -n id -un; echo $LANG')
  assert.match(looked.text, /root\s+C\.UTF-8/)
  // What holds in a session is at most what the engine gives the container.
  assert.match(await sh('cat /etc/security/limits.d/nofile.conf'), /^\* soft nofile 65536$/m)
  assert.deepEqual(await story.again('box'), [])
})

test('a package that is wished no more leaves, and nothing else moves', async () => {
  const did = await story.wish('box', [], { server: { hostname: 'shop.example' } })
  assert.equal(did.length, 1, did.join('\n'))
  assert.match(did[0] ?? '', /remove package tree/)
})

const wishes = {
  hostname: 'shop.example',
  locale: 'en_US.UTF-8',
  timezone: 'Europe/Berlin',
  packages: ['own-tool'],
  repositories: [{ name: 'deb [trusted=yes] file:/srv/apt ./' }],
  sysctl: { 'net.core.somaxconn': 4096 },
  swap: { enable: true, path: '/srv/swapfile', size: 16 },
}

test('locale, time zone and a place of packages are as its descriptor says; kernel and swap are left to the host', async () => {
  await offer('1.0')
  const kernel = () =>
    sh('sysctl -n net.core.somaxconn vm.swappiness; ls /etc/sysctl.d /swapfile /srv/swapfile 2>&1 || true')
  const before = await kernel()
  await story.wish('box', [], { server: wishes })
  assert.equal(await version(), '1.0')
  const { person, clone } = story
  const enter = ['ssh', 'box', '--repo', clone.repo, '--identity', person.keyFile, '--']
  const session = await person.devops(...enter, 'locale charmap; locale title; date +%Z')
  assert.match(session.text, /UTF-8\s+English locale for the USA\s+CES?T/)
  assert.equal(await kernel(), before)
  const plan = await person.devops('plan', 'box', '--repo', clone.repo)
  assert.match(plan.text, /swap:\/srv\/swapfile +skipped: the node is a container/)
  assert.match(plan.text, /net\.core\.somaxconn +skipped: the node is a container/)
  assert.deepEqual(await story.again('box'), [])
})

test('server upgrade brings packages up to date, but none that is held', async () => {
  await offer('1.1')
  await sh('apt-mark hold $(dpkg --get-selections | cut -f1) >/dev/null; apt-mark unhold own-tool')
  assert.match(await story.run('box', { run: 'devops server upgrade' }), /all packages are up to date/)
  assert.equal(await version(), '1.1')
  await offer('1.2')
  await sh('apt-mark hold own-tool')
  await story.run('box', { run: 'devops server upgrade' })
  assert.equal(await version(), '1.1')
  await sh('apt-mark unhold $(apt-mark showhold) >/dev/null')
})

test('what is wished no more is as it was: places of packages, time zone and locale', async () => {
  await story.wish('box', [], { server: { hostname: 'shop.example' } })
  assert.equal(
    await sh('ls /etc/apt/sources.list.d; cat /etc/default/locale; date +%Z'),
    'LANG=C.UTF-8\nUTC\n',
  )
})

test('a locale that there is not fails the sync with its name, and sessions go on as they were', async () => {
  const { clone, see } = story
  clone.write({
    'nodes/box.yml':
      'id: box\ntype: server\nprovider: {name: docker}\nconfiguration: {server: {locale: xx_XX.UTF-8, hostname: shop.example}}\n',
  })
  await clone.push('a locale that is not there')
  await see.eventually('a failed sync', async () =>
    (await see.works()).some(({ error }) => error?.includes('xx_XX.UTF-8')),
  )
  assert.equal(await sh('cat /etc/default/locale'), 'LANG=C.UTF-8\n')
  await story.wish('box', [], { server: { hostname: 'shop.example' } })
})

test('server restart boots it anew, and the next sync finds it and puts right what the start undid', async () => {
  const started = () => sh('stat -c %Y /proc/1')
  const before = await started()
  assert.match(await story.run('box', { run: 'devops server restart' }), /boots anew/)
  await story.see.eventually('a new start', async () => (await started().catch(() => before)) !== before)
  // A container starts with the name that it was made with, and may have another address.
  await story.again('box')
  assert.equal(await sh('hostname'), 'shop.example\n')
  assert.deepEqual(await story.again('box'), [])
})

test('server stop switches it off, and it stays off', async () => {
  const provider = { name: 'docker', restart: 'no' }
  await story.wish('off', [], {}, { provider })
  const { server } = await story.see.node('off')
  assert.match(await story.run('off', { run: 'devops server stop' }), /goes off/)
  const state = async () =>
    (await docker('docker', ['inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', server?.id ?? '']))
      .stdout
  await story.see.eventually('a server that is off', async () => /^exited/.test(await state()))
})
