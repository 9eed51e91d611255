import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { renderShell } from '#language/shell.ts'
import { type Converging, startConverging } from './testing/converging.ts'
import { catalog, catalogGraph, graphOf } from './testing/graphs.ts'

/** What another user of a server learns of the secrets that a sync brings there: nothing, neither during it nor after it. */
let node: Converging
const SECRET = 'hunter22-of-the-shop'
const scope = { secrets: { token: SECRET } }

before(async () => {
  node = await startConverging()
  // The container of this test has no users of its own to give; a server has.
  node.sh(`d=/etc/systemd/system/redis-server.service.d; mkdir -p $d; printf '[Service]\\nPrivateUsers=no\\n' >$d/test.conf
useradd --create-home other
printf '#!/bin/sh\necho "$*" >>/srv/look/arguments; exec /usr/bin/redis-cli "$@"\n' >/usr/local/bin/redis-cli; chmod 755 /usr/local/bin/redis-cli
install -d -m 755 /srv/look /srv/shop
printf 'setInterval(() => {}, 1000)\\n' >/srv/shop/server.js
printf '%s' '${SECRET}' >/srv/look/word
cat >/srv/look/watch <<'END'
#!/bin/sh
while [ ! -e /srv/look/stop ]; do
  for line in /proc/[0-9]*/cmdline; do grep -qaFf /srv/look/word $line 2>/dev/null && tr '\\0' ' ' <$line | head -c 300 && echo; done
done
END
chmod 755 /srv/look/watch`)
})
after(() => node?.[Symbol.asyncDispose]())

const sh = (line: string) => node.sh(line).trim()
const asOther = (line: string) => sh(`runuser -u other -- sh -c '${line}' 2>/dev/null || true`)

/** What the other user sees of it while something is done. */
async function seen(act: () => Promise<unknown>): Promise<string> {
  sh(
    'rm -f /srv/look/stop; nice runuser -u other -- /srv/look/watch >/srv/look/seen 2>/dev/null & echo $! >/srv/look/pid',
  )
  await act()
  sh('touch /srv/look/stop; while pgrep -u other >/dev/null; do sleep 0.1; done')
  return sh('sort -u /srv/look/seen')
}

const files = () =>
  asOther(
    'grep -rlsF -f /srv/look/word /etc /opt /run /home /root /srv /tmp /usr/local /var --exclude-dir=look',
  )
const units = () => asOther('systemctl show "*" | grep -aF -f /srv/look/word')
const processes = () => asOther('ps axeww | grep -aF -f /srv/look/word')

const programs = [
  { name: 'worker', command: '/bin/sleep 7100', user: 'devops', env: 'TOKEN={{ secrets.token }}' },
]
const configuration = {
  nginx: {
    vhosts: [
      {
        id: 'shop',
        domain: 'shop.example',
        routes: [
          {
            uri: '/',
            custom: 'proxy_set_header X-Token {{ secrets.token }}; proxy_pass http://127.0.0.1:1;',
          },
        ],
      },
    ],
  },
  nodejs: {
    npm: false,
    apps: [
      {
        name: 'shop',
        root: '/srv/shop',
        script: 'server.js',
        extra_env: 'TOKEN={{ secrets.token }} "TITLE=The $shop, 5%"',
      },
    ],
  },
  supervisord: {
    programs,
    inet: { port: '127.0.0.1:9001', username: 'ann', password: '{{ secrets.token }}' },
  },
  redis: {
    security: { requirepass: '{{ secrets.token }}' },
    replication: { masterauth: '{{ secrets.token }}' },
  },
  postgresql: { users: [{ name: 'shop', password: '{{ secrets.token }}' }] },
}

test('commands, timers and crons of a service show no secret to another user, while they run nor afterwards', async () => {
  const during = await seen(async () => {
    await node.made(
      graphOf(
        `resources:
  - {command: tell, run: 'sleep 0.5; printf %s {{ secrets.token }} >/dev/null', unless: 'sleep 0.5; test {{ secrets.token }} = ""'}
  - {command: tell as daemon, user: daemon, run: 'sleep 0.5; printf %s {{ secrets.token }} >/dev/null'}
  - {timer: told, schedule: daily, user: daemon, run: 'printf "%s $HOME %% \\\\" {{ secrets.token }} >/tmp/told; chmod 600 /tmp/told; sleep 0.5'}
  - {cron: told, schedule: '0 0 * * *', run: 'test {{ secrets.token }}'}`,
        {},
        scope,
      ),
    )
    sh('systemctl start told.service')
  })
  assert.equal(during, '')
  assert.deepEqual([files(), units(), processes()], ['', '', ''])
  assert.equal(sh('stat -c %U /tmp/told; cat /tmp/told'), `daemon\n${SECRET} /usr/sbin % \\`)
})

test('a clone by an address with a login tells it neither among arguments nor in its configuration', async () => {
  await node.made(catalogGraph(['nginx', 'git']))
  sh(`git init -q --bare -b main /srv/git/shop.git
git init -q -b main /srv/git/work; cd /srv/git/work
git -c user.name=ann -c user.email=ann@localhost commit -q --allow-empty -m one
git push -q ../shop.git main; git -C ../shop.git update-server-info
printf 'ann:%s\n' "$(openssl passwd -apr1 ${SECRET})" >/etc/nginx/git.htpasswd
cat >/etc/nginx/conf.d/git.conf <<'END'
server { listen 8099; root /srv/git; auth_basic git; auth_basic_user_file /etc/nginx/git.htpasswd; }
END
systemctl reload nginx`)
  const template = catalog.find(({ id }) => id === 'git')?.templates['update.sh'] ?? ''
  const script = (login: string) =>
    sh(`cat >/srv/script <<'END'
${renderShell(template, { options: { repo: `http://${login}127.0.0.1:8099/shop.git`, dest: '/srv/the clone', version: 'main' } })}
END
chown devops /srv/script; chmod 700 /srv/script`)
  const update = () => sh('runuser -u devops -- sh /srv/script 2>&1 || true')
  script(`ann:${SECRET}@`)
  const during = await seen(async () => {
    for (let twice = 0; twice < 2; twice++) assert.match(update(), /is at [0-9a-f]{40}/)
  })
  assert.equal(during, '')
  assert.equal(files(), '')
  assert.equal(
    sh('git -C "/srv/the clone" -c safe.directory=* remote get-url origin'),
    'http://127.0.0.1:8099/shop.git',
  )
  // Without its login it does not come in any more: nothing of it is kept.
  script('')
  assert.match(update(), /could not read Username|Authentication failed/)
})

test('no service of the catalog shows a secret of its options to another user, while it comes nor afterwards', async () => {
  const ids = ['nginx', 'nodejs', 'supervisord', 'redis', 'postgresql']
  const all = (more = {}) => catalogGraph(ids, { ...configuration, ...more }, scope)
  const during = await seen(async () => {
    await node.made(all())
    // Once more with another value: what takes over a change while it runs is told the secret again.
    await node.made(all({ redis: { ...configuration.redis, timeout: 7 } }))
  })
  assert.equal(during, '')
  assert.match(sh('cat /srv/look/arguments'), /config set requirepass/)
  assert.equal(sh('grep -cF -f /srv/look/word /srv/look/arguments || true'), '0')
  assert.deepEqual([files(), units(), processes()], ['', '', ''])
})

test('the programs have them all the same', () => {
  assert.match(
    sh(`tr '\\0' '\\n' </proc/$(systemctl show -P MainPID app-shop)/environ`),
    /^TOKEN=hunter22-of-the-shop\nTITLE=The \$shop, 5%$/m,
  )
  assert.match(sh(`tr '\\0' '\\n' </proc/$(pgrep -fx '/bin/sleep 7100')/environ`), /^TOKEN=hunter22/m)
  assert.equal(sh(`redis-cli --no-auth-warning -a ${SECRET} ping`), 'PONG')
  assert.equal(
    sh(`PGPASSWORD=${SECRET} psql -h 127.0.0.1 -U shop -d postgres -XAtc 'select current_user'`),
    'shop',
  )
})
