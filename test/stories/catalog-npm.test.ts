import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type ServiceStory, startServiceStory } from '#testing/service-story.ts'

/** Debian's npm is some 350 packages, so what needs it has a server of its own. */
let story: ServiceStory
let bare: string

before(async () => {
  story = await startServiceStory('npm')
  await story.wish('app', [])
  bare = await packages()
})
after(() => story?.[Symbol.asyncDispose]())

const sh = (line: string) => story.sh('app', line)
const packages = () => sh(`dpkg-query -W -f '\${db:Status-Abbrev} \${Package}\\n' | sort`)
const apps = [{ name: 'shop', root: '/srv/shop', script: 'server.js' }]

/** The app is its own registry: npm asks it for `@own/hello`, whose command prints a line. */
const registry = `set -e
mkdir -p /tmp/hello /srv/shop
cd /tmp/hello
echo '{"name": "@own/hello", "version": "1.2.3", "bin": {"hello": "hello.js"}}' >package.json
printf '#!/usr/bin/node\\nconsole.log("hello from npm")\\n' >hello.js
chmod 755 hello.js
tar -C /tmp -czf /srv/shop/hello.tgz --transform 's/^hello/package/' hello
cd /srv/shop
echo 'registry=http://127.0.0.1:3001/' >/root/.npmrc
cat >server.js <<'JS'
const fs = require('fs')
const manifest = JSON.parse(fs.readFileSync('/tmp/hello/package.json'))
const dist = { tarball: 'http://127.0.0.1:3001/hello.tgz' }
const about = { name: manifest.name, 'dist-tags': { latest: '1.2.3' }, versions: { '1.2.3': { ...manifest, dist } } }
require('http').createServer((request, answer) => {
  answer.end(request.url.endsWith('.tgz') ? fs.readFileSync('hello.tgz') : JSON.stringify(about))
}).listen(3001)
JS
systemctl restart app-shop`

test('packages of npm come to the whole node, from the registry that npm is told, and leave again', async () => {
  await story.wish('app', ['nodejs'], { nodejs: { apps } })
  await sh(registry)
  await sh('curl -s --retry 30 --retry-connrefused --retry-delay 1 http://127.0.0.1:3001/')
  await story.wish('app', ['nodejs'], { nodejs: { apps, packages: ['@own/hello@1.2.3'] } })
  assert.equal(await sh('hello'), 'hello from npm\n')
  assert.deepEqual(await story.again('app'), [])
  await story.wish('app', ['nodejs'], { nodejs: { apps } })
  assert.equal(await sh('command -v hello || true'), '')
})

/** A package of npm as a file, as somebody packs it; its command prints its version. */
const packed = (version: string) => `set -e
mkdir -p /tmp/own-tool && cd /tmp/own-tool
echo '{"name": "own-tool", "version": "${version}", "bin": "tool.js"}' >package.json
printf '#!/usr/bin/node\\nconsole.log("${version}")\\n' >tool.js
chmod 755 tool.js
tar -C /tmp -czf /srv/own-tool-${version}.tgz --transform 's/^own-tool/package/' own-tool`

test('a package of npm comes from a file in place of the registry, changes its version and leaves', async () => {
  for (const version of ['1.0.0', '1.1.0']) {
    await sh(packed(version))
    const from = `/srv/own-tool-${version}.tgz`
    story.clone.write({
      'services/tools/service.yml': `resources:\n  - {npm: own-tool, version: '${version}', from: ${from}}\n`,
    })
    await story.wish('app', ['nodejs', 'tools'], { nodejs: { apps } })
    assert.equal(await sh('own-tool'), `${version}\n`)
    assert.deepEqual(await story.again('app'), [])
  }
  await story.wish('app', ['nodejs'], { nodejs: { apps } })
  assert.equal(await sh('command -v own-tool || true'), '')
})

test('without nodejs its packages are gone, all that came with npm too', async () => {
  await story.wish('app', [])
  assert.deepEqual(
    (await packages()).split('\n').filter((line) => !bare.split('\n').includes(line)),
    [],
  )
  assert.equal(await sh('ls /usr/local/lib /etc/systemd/system | grep -E "node|app" || true'), '')
})
