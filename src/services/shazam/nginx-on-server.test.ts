import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Converging, startConverging } from './testing/converging.ts'
import { catalogGraph } from './testing/graphs.ts'

/** What nginx alone can say of what is written for it. */
let node: Converging
before(async () => {
  node = await startConverging()
  node.sh('mount -o remount,rw /proc/sys; sysctl -qw net.ipv6.conf.lo.disable_ipv6=0')
})
after(() => node?.[Symbol.asyncDispose]())

const sh = (line: string) => node.sh(line).trim()
const wish = (vhosts: object[]) => catalogGraph(['nginx'], { nginx: { vhosts } })

/** Of 240 characters, each label of the longest that DNS allows. */
const long = `${['a', 'b', 'c'].map((letter) => letter.repeat(63)).join('.')}.${'d'.repeat(40)}.example`

test('names as long as DNS allows, and many of them, are served, with a certificate as well', async () => {
  const aliases = Array.from({ length: 300 }, (_, at) => `shop-${at}.${long.slice(64)}`).join(' ')
  const graph = wish([
    { id: 'long', domain: long, aliases, routes: [{ uri: '/', custom: 'return 200 "long";' }] },
    {
      id: 'safe',
      domain: `tls.${long.slice(64)}`,
      ssl: { self_signed: true },
      routes: [{ uri: '/', custom: 'return 200 "safe";' }],
    },
  ])
  await node.made(graph)
  assert.deepEqual((await node.made(graph)).did, [])
  assert.equal(sh(`curl -s -H 'Host: ${long}' http://127.0.0.1/`), 'long')
  assert.equal(sh(`curl -s -H 'Host: shop-299.${long.slice(64)}' http://127.0.0.1/`), 'long')
  const tls = `tls.${long.slice(64)}`
  assert.equal(
    sh(
      `curl -s --cacert /etc/nginx/ssl/${tls}.pem --resolve ${tls}:443:127.0.0.1 https://${tls}/ || echo $?`,
    ),
    'safe',
  )
})

test('who is behind a proxy sees the host that was asked for, with its port', async () => {
  sh(`cat >/etc/nginx/conf.d/echo.conf <<'END'
server { listen [::1]:3000; location / { return 200 "$http_host $http_x_forwarded_host $http_x_forwarded_port $http_x_forwarded_proto"; } }
END`)
  const graph = wish([
    {
      id: 'shop',
      domain: 'shop.example',
      port: 8080,
      routes: [
        { uri: '/', type: 'proxy', to: '{{ "::1" | host }}:3000' },
        { uri: '/live', type: 'websocket', to: 'http://[::1]:3000' },
      ],
    },
  ])
  await node.made(graph)
  sh('systemctl reload nginx')
  const asked = (path: string) =>
    sh(`curl -s --resolve shop.example:8080:127.0.0.1 http://shop.example:8080${path}`)
  assert.equal(asked('/'), 'shop.example:8080 shop.example:8080 8080 http')
  assert.equal(asked('/live'), 'shop.example:8080 shop.example:8080 8080 http')
})
