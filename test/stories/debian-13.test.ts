import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { parse } from 'yaml'
import { type ServiceStory, startServiceStory } from '#testing/service-story.ts'

/**
 * The base layer and every service of the catalog on the release after the one that the other stories run on, and with
 * what Ubuntu 24.04 does otherwise: its locale is a link, sshd is started by a socket, it says other facts of itself.
 */
let story: ServiceStory
const root = resolve(import.meta.dirname, '../..')
const base = ['common', 'server']
const services = readdirSync(join(root, 'catalog')).filter((id) => !base.includes(id))
/** Debian’s npm is some 350 packages: it has a story of its own. */
const nodejs = { npm: false }
const provider = { name: 'docker', image: 'devops-node:13', size: 'medium' }

/** How each program answers, and what it answers with. */
const answers: Record<string, [line: string, says: RegExp]> = {
  docker: ['runuser -u devops -- docker version --format {{.Server.Os}}', /^linux$/],
  git: ['git --version', /^git version 2/],
  nginx: ['curl -s -o /dev/null -w %{http_code} http://127.0.0.1/', /^200$/],
  nodejs: ["node -p '6 * 7'", /^42$/],
  postgresql: ["runuser -u postgres -- psql -XAtc 'select 42'", /^42$/],
  redis: ['redis-cli ping', /^PONG$/],
  supervisord: ['supervisorctl version', /^4\./],
}

before(async () => {
  story = await startServiceStory('next')
})
after(() => story?.[Symbol.asyncDispose]())

const sh = async (line: string) => (await story.sh('box', line)).trim()
const wish = (ids: string[], configuration = {}, more = {}) =>
  story.wish('box', ids, configuration, { provider, ...more })
const processes = () =>
  sh(
    "pgrep -l 'dockerd|containerd|nginx|node|postgres|redis-server|supervisord' | sort -u -k2 | cut -d' ' -f2",
  )

test('the base layer leaves a locale that is a link as it is, and finds nothing to do after a start', async () => {
  await wish([])
  assert.equal(await sh('. /etc/os-release; echo $VERSION_ID'), '13')
  const locale = () => sh('readlink /etc/default/locale; cat /etc/locale.conf')
  assert.equal(await locale(), '../locale.conf\nLANG=C.UTF-8')
  assert.deepEqual(await story.again('box'), [])
  // As each start of the machine does.
  await sh('systemd-tmpfiles --create --boot >/dev/null 2>&1 || true')
  assert.equal(await locale(), '../locale.conf\nLANG=C.UTF-8')
  assert.deepEqual(await story.again('box'), [])
})

test('every service of the catalog runs with its defaults, answers, and has nothing to do at a second sync', async (t) => {
  assert.deepEqual(Object.keys(answers).toSorted(), services.toSorted())
  // In two steps: what is downloaded and unpacked for all of them takes minutes where the machine is busy.
  await wish(services.slice(0, 4), { nodejs })
  await wish(services, { nodejs })
  for (const [id, [line, says]] of Object.entries(answers))
    await t.test(id, async () => assert.match(await sh(line), says))
  assert.deepEqual(await story.again('box'), [])
})

const app = (name: string) => ({
  name,
  root: '/srv/shop',
  script: 'server.js',
  extra_env: 'PORT=3000 "TITLE=The shop, 5%"',
})
const program = (name: string) => ({ name, command: '/bin/sleep 7200' })
const asked = () => sh('curl -s --retry 50 --retry-connrefused --retry-delay 1 http://127.0.0.1:3000/')

test('an app and a program that are renamed run once, and one that is taken out runs no more', async () => {
  await sh(`mkdir -p /srv/shop; cat >/srv/shop/server.js <<'JS'
require('http').createServer((_, answer) => answer.end(process.pid + ' ' + process.env.TITLE)).listen(process.env.PORT)
JS`)
  const both = (name: string) =>
    wish(services, { nodejs: { ...nodejs, apps: [app(name)] }, supervisord: { programs: [program(name)] } })
  await both('old')
  assert.equal(await asked(), `${await sh('systemctl show -P MainPID app-old')} The shop, 5%`)
  await both('new')
  assert.equal(await asked(), `${await sh('systemctl show -P MainPID app-new')} The shop, 5%`)
  assert.equal(await sh('systemctl is-active app-old || true; pgrep -cfx "/bin/sleep 7200"'), 'inactive\n1')
  assert.deepEqual(await story.again('box'), [])
  await wish(services, { nodejs })
  assert.equal(
    await sh(
      'pgrep -fx "/bin/sleep 7200" || true; curl -s http://127.0.0.1:3000/ || true; ls /etc/nodejs-apps',
    ),
    '',
  )
  assert.deepEqual(await story.again('box'), [])
})

test('what Ubuntu does otherwise changes nothing: sshd behind its socket, and its own facts', async () => {
  const systems = parse(readFileSync(join(root, 'src/services/shazam/facts/cases/systems.yml'), 'utf8')) as {
    title: string
    os_release: string
  }[]
  const ubuntu = systems.find(({ title }) => title === 'Ubuntu 24.04')?.os_release ?? ''
  await sh(`rm /etc/os-release; cat >/etc/os-release <<'END'\n${ubuntu}END
systemctl disable -q --now ssh.service; systemctl enable -q --now ssh.socket`)
  assert.deepEqual(await story.again('box'), [])
  const { facts } = await story.see.node('box')
  assert.match(JSON.stringify(facts), /"ubuntu".*"24\.04"|"24\.04".*"ubuntu"/)
  assert.equal(await sh('systemctl is-active ssh.socket'), 'active')
  await wish(services, { nodejs, server: { packages: ['tree'] } })
  assert.match(await sh('command -v tree'), /tree/)
})

test('services that are taken out leave no process behind', async () => {
  assert.notEqual(await processes(), '')
  await wish([])
  assert.equal(await processes(), '')
  assert.deepEqual(await story.again('box'), [])
})
