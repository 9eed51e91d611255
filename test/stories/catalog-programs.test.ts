import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type ServiceStory, startServiceStory } from '#testing/service-story.ts'

/** Services that keep programs running, and hold no data: supervisord and nodejs, on one server. */
let story: ServiceStory
let bare: string

before(async () => {
  story = await startServiceStory('programs')
  await story.wish('app', [])
  bare = await inventory()
})
after(() => story?.[Symbol.asyncDispose]())

const sh = (line: string) => story.sh('app', line)
const run = (command: string, options = {}) => story.run('app', { run: `devops ${command}`, options })
const inventory = () =>
  sh(`find /etc /usr/local /var/lib /var/log -xdev \\( -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /var/log/apt -o -path /var/log/journal \\) -prune -o -print | grep -v ^/var/lib/devops | sort
     dpkg-query -W -f '\${db:Status-Abbrev} \${Package}\\n' | sort`)
const pid = async (unit: string) => (await sh(`systemctl show -P MainPID ${unit}`)).trim()
const program = async (name: string) => (await sh(`supervisorctl pid ${name} || true`)).trim()

const programs = [
  { name: 'one', command: '/bin/sleep 1000', user: 'devops' },
  { name: 'two', command: "/bin/sh -c 'echo $COLOUR; exec sleep 1000'", env: 'COLOUR="red, or blue"' },
]

test('supervisord runs the programs of its node, as whom and with what they want', async () => {
  await story.wish('app', ['supervisord'], { supervisord: { programs } })
  assert.equal(await sh(`ps -o user= -p ${await program('one')}`), 'devops\n')
  assert.equal(await sh('cat /var/log/supervisor/two-stdout*'), 'red, or blue\n')
  const { facts } = await story.see.node('app')
  assert.match((facts.services as { supervisord: { version: string } }).supervisord.version, /^\d/)
})

test('a second sync of supervisord has nothing to do', async () => {
  assert.deepEqual(await story.again('app'), [])
})

test('a program that changes is started anew, and no other', async () => {
  const before = [await program('one'), await program('two'), await pid('supervisor')]
  const did = await story.wish('app', ['supervisord'], {
    supervisord: { programs: [programs[0], { ...programs[1], env: 'COLOUR=green' }] },
  })
  assert.deepEqual(did, ['change /etc/supervisor/conf.d/two.conf, 167 bytes'])
  const after = [await program('one'), await program('two'), await pid('supervisor')]
  assert.deepEqual(
    [after[0] === before[0], after[1] === before[1], after[2] === before[2]],
    [true, false, true],
  )
})

test('a program that supervisord could not read is refused, and the rest runs on', async () => {
  const before = await program('one')
  const { clone } = story
  const node = `id: app\ntype: server\nprovider: {name: docker}\nservices: [supervisord]\nconfiguration:\n  supervisord:\n    programs: [{name: one, command: /bin/sleep 1000, user: nobody-there}]\n`
  clone.write({ 'nodes/app.yml': node })
  await clone.push('a user that is not there')
  await story.see.eventually('a failed sync', async () =>
    (await story.see.works()).some(({ error }) => error?.includes('one.conf')),
  )
  assert.equal(await program('one'), before)
})

test('programs are added, stopped, started, restarted and removed by commands', async () => {
  await story.wish('app', ['supervisord'], { supervisord: { programs } })
  const other = await program('one')
  const on = (command: string, name: string, more = {}) => ({
    run: `devops supervisord program ${command}`,
    options: { name, ...more },
  })
  const look = { run: 'echo pid of three: $(sudo supervisorctl pid three)' }
  const text = await story.run(
    'app',
    ...[on('add', 'three', { command: '/bin/sleep 1000' }), look, on('restart', 'three'), look],
    ...[on('stop', 'three'), look, on('start', 'three'), look, on('remove', 'three'), on('remove', 'three')],
  )
  const [added, restarted, stopped, started] = [...text.matchAll(/pid of three: (\d+)/g)].map(
    ([, pid]) => pid,
  )
  assert.match(text, /three +RUNNING/)
  assert.equal(new Set([added, restarted, started]).size, 3)
  assert.equal(stopped, '0')
  assert.match(text, /there is no program three/)
  const failing = on('add', 'four', { command: "/bin/sh -c 'echo why >&2; exit 1'", extra: 'startretries=0' })
  assert.match(await story.fails('app', failing), /why[\s\S]*four does not stay up/)
  await story.run('app', on('remove', 'four'))
  assert.equal(await sh('ls /etc/supervisor/conf.d'), 'one.conf\ntwo.conf\n')
  assert.equal(await program('one'), other)
})

test('supervisord itself is stopped, started and restarted with its programs', async () => {
  const before = await program('one')
  await story.run('app', { run: 'devops supervisord stop' }, { run: 'devops supervisord start' })
  await story.see.eventually('its programs', async () => Number(await program('one')) > 0)
  const between = await program('one')
  await run('supervisord restart')
  await story.see.eventually('its programs', async () => Number(await program('one')) > 0)
  assert.equal(new Set([before, between, await program('one')]).size, 3)
})

test('supervisord listens only when it is told to, and asks who is there', async () => {
  await story.wish('app', ['supervisord'], {
    supervisord: { inet: { port: '127.0.0.1:9001', username: 'ann', password: '50%-of-it' }, programs },
  })
  const status = (who: string) =>
    sh(
      `curl -s -o /dev/null -w '%{http_code}' --retry 20 --retry-connrefused --retry-delay 1 ${who} http://127.0.0.1:9001/`,
    )
  assert.equal(await status(''), '401')
  assert.equal(await status(`-u 'ann:50%-of-it'`), '200')
  assert.deepEqual(await story.again('app'), [])
  // It leaves with supervisord.
  await run('supervisord program add', { name: 'left', command: '/bin/sleep 1000' })
})

const server = (port: number) => ({
  name: 'shop',
  root: '/srv/shop',
  script: 'server.js',
  extra_env: `PORT=${port}`,
})
const answer = (port: number) =>
  sh(`curl -s --retry 30 --retry-connrefused --retry-delay 1 http://127.0.0.1:${port}/`)

/** A repository of the app, with two versions; the second one tells whom it runs for. */
const origin = `install -d -o devops /srv/git && rm -rf /srv/shop && runuser -u devops -- sh -ec '
git init -q --bare -b main /srv/git/shop.git
git init -q -b main /srv/git/work
cd /srv/git/work
git config user.name ann
git config user.email ann@localhost
echo "throw new Error(1)" >server.js
echo dist >.gitignore
git add .
git commit -qm one
git tag v1
cat >server.js <<"JS"
require("http").createServer((_, answer) => answer.end(process.env.NODE_ENV + " " + process.env.USER)).listen(process.env.PORT)
JS
git commit -qam two
git push -q /srv/git/shop.git main v1'`
const update = (version?: string) => ({
  run: 'devops git update',
  options: { repo: 'file:///srv/git/shop.git', dest: '/srv/shop', ...(version && { version }) },
})
const newest = () => sh('runuser -u devops -- git -C /srv/shop log -1 --format=%s')

test('an app whose code comes after its unit is up when the code is there, brought in its version by git', async () => {
  await sh(origin)
  await story.wish('app', ['nodejs', 'git'], { nodejs: { npm: false, apps: [server(3000)] } })
  assert.deepEqual(await story.again('app'), [])
  assert.match(await story.run('app', update('v1')), /\/srv\/shop (is at|went from)/)
  assert.equal(await newest(), 'one\n')
  await sh('echo by hand >>/srv/shop/server.js')
  assert.match(await story.run('app', update()), /went from [0-9a-f]{40} to [0-9a-f]{40}/)
  assert.equal(await newest(), 'two\n')
  assert.equal(await answer(3000), 'production devops')
  assert.match(await story.fails('app', update('v2')), /v2/)
})

test('what was built in a clone is published as a branch of its own, by its author', async () => {
  const author = { path: '/srv/shop', user: 'Ann of the shop', email: 'ann@shop.example' }
  const deploy = (source: string) => ({
    run: 'devops git deploy',
    options: { repo: '/srv/shop', source, branch: 'pages' },
  })
  await story.run(
    'app',
    { run: 'devops git config', options: author },
    { run: 'mkdir /srv/shop/dist; echo a page >/srv/shop/dist/index.html' },
    deploy('dist'),
  )
  const published = await sh(
    'runuser -u devops -- git -C /srv/git/shop.git log -1 --name-only --format="%an %ae" pages',
  )
  assert.equal(published, 'Ann of the shop ann@shop.example\n\nindex.html\n')
  assert.match(await story.fails('app', deploy('none')), /there is no folder none/)
  assert.match(await story.run('app', update('main'), update('main')), / is at /)
  await sh('rm -r /srv/git')
})

test('supervisord that is gone leaves nothing but its programs’ logs', async () => {
  assert.equal(await sh('ls -d /etc/supervisor /usr/bin/supervisord 2>/dev/null || true'), '')
})

test('an app that changes is started anew, and no other', async () => {
  await run('nodejs app add', {
    name: 'other',
    root: '/srv/shop',
    script: 'server.js',
    node_env: 'test',
    extra_env: 'PORT=4000',
  })
  assert.equal(await answer(4000), 'test devops')
  const [shop, other] = [await pid('app-shop'), await pid('app-other')]
  await story.wish('app', ['nodejs'], { nodejs: { npm: false, apps: [server(3001)] } })
  assert.equal(await answer(3001), 'production devops')
  assert.notEqual(await pid('app-shop'), shop)
  assert.equal(await pid('app-other'), other)
})

test('all apps are stopped, started and restarted together, and one is forgotten on its own', async () => {
  const before = await pid('app-shop')
  const look = { run: 'systemctl is-active app-shop app-other || true' }
  const text = await story.run(
    'app',
    ...[{ run: 'devops nodejs stop' }, look, { run: 'devops nodejs start' }, look],
    { run: 'devops nodejs app remove', options: { name: 'other' } },
  )
  assert.match(text, / inactive\n.* inactive\n[\s\S]+ active\n.* active\n/)
  const between = await pid('app-shop')
  await run('nodejs restart')
  assert.equal(new Set([before, between, await pid('app-shop')]).size, 3)
  assert.equal(await sh('ls /etc/systemd/system/app-*'), '/etc/systemd/system/app-shop.service\n')
})

test('without its services the server is what it was, also where a command has added an app', async () => {
  const leftOver = { name: 'left', root: '/srv/shop', script: 'server.js', extra_env: 'PORT=4000' }
  await run('nodejs app add', leftOver)
  await story.wish('app', [], {}, { purge: true })
  const left = (await inventory()).split('\n').filter((line) => !bare.split('\n').includes(line))
  assert.deepEqual(left, [])
})
