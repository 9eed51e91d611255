import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Converging, startConverging } from './testing/converging.ts'
import { catalogGraph } from './testing/graphs.ts'

/** What the handlers of services do with programs, sites and apps that a command has added. */
let node: Converging
before(async () => {
  node = await startConverging()
})
after(() => node?.[Symbol.asyncDispose]())

const sh = (line: string) => node.sh(line).trim()
const handler = (service: string, name: string) => {
  const found = catalogGraph([service]).handlers.find(({ id }) => id === `${service}/${name}`)
  return `set -e\n${found?.run}`
}
const unit = `[Service]
ExecStart=/bin/sleep 1e6
[Unit]
PartOf=nodejs-apps.target
[Install]
WantedBy=nodejs-apps.target`
const pid = (name: string) => sh(`systemctl show -P MainPID ${name}`)

test('an app whose file changes in the second of its start is started again, and one that did not change goes on', () => {
  sh(`for name in one two; do printf '%s\n' '${unit}' >/etc/systemd/system/app-$name.service; done
printf '[Install]\nWantedBy=multi-user.target\n' >/etc/systemd/system/nodejs-apps.target
systemctl daemon-reload; systemctl enable -q app-one app-two nodejs-apps.target; systemctl start app-two; sleep 0.1`)
  // Until both are in one second.
  sh(`until systemctl restart app-one; sleep 0.05; echo '# changed' >>/etc/systemd/system/app-one.service
  [ "$(date -d "$(TZ=UTC systemctl show -P ActiveEnterTimestamp app-one)" +%s)" = "$(stat -c %Y /etc/systemd/system/app-one.service)" ]; do :; done`)
  const before = [pid('app-one'), pid('app-two')]
  sh(handler('nodejs', 'load'))
  assert.notEqual(pid('app-one'), before[0])
  assert.equal(pid('app-two'), before[1])
  const after = pid('app-one')
  sh(handler('nodejs', 'load'))
  assert.equal(pid('app-one'), after)
})

test('apps that a command added stay while nodejs is there, and leave with it, with what holds their secrets', () => {
  sh(
    'mkdir -p /etc/nodejs-apps; echo WORD=x >/etc/nodejs-apps/one.env; cp /etc/systemd/system/app-one.service /etc/systemd/system/app-theirs.service; sed -i /PartOf/d /etc/systemd/system/app-theirs.service',
  )
  sh(handler('nodejs', 'forget'))
  assert.equal(sh('systemctl is-active app-one'), 'active')
  sh('systemctl disable -q nodejs-apps.target; rm /etc/systemd/system/nodejs-apps.target')
  sh(handler('nodejs', 'forget'))
  assert.equal(
    sh(
      'ls -d /etc/nodejs-apps /etc/systemd/system/app-* /etc/systemd/system/nodejs-apps* 2>/dev/null || true',
    ),
    '/etc/systemd/system/app-theirs.service',
  )
  assert.equal(sh('systemctl is-active app-one app-two || true'), 'inactive\ninactive')
})

test('programs and sites that a command added leave with supervisord and nginx, and what somebody else put there stays', () => {
  sh(`mkdir -p /etc/supervisor/conf.d /etc/nginx/sites-available /etc/nginx/sites-enabled
printf '; Managed by devo.ps: changes made here are undone.\n[program:x]\n' >/etc/supervisor/conf.d/x.conf
printf '# Managed by devo.ps: changes made here are undone.\nserver {}\n' >/etc/nginx/sites-available/x
ln -s /etc/nginx/sites-available/x /etc/nginx/sites-enabled/x; echo theirs >/etc/nginx/sites-available/theirs`)
  sh(handler('supervisord', 'forget'))
  sh(handler('nginx', 'forget'))
  assert.equal(
    sh('find /etc/supervisor /etc/nginx 2>/dev/null || true'),
    '/etc/nginx\n/etc/nginx/sites-available\n/etc/nginx/sites-available/theirs',
  )
})
