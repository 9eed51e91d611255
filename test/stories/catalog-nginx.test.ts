import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type ServiceStory, startServiceStory } from '#testing/service-story.ts'

/** nginx on a real server: sites over TLS and behind a proxy, and its commands. */
let story: ServiceStory
let bare: string

before(async () => {
  story = await startServiceStory('sites')
  await story.wish('web', [])
  bare = await inventory()
})
after(() => story?.[Symbol.asyncDispose]())

const sh = (line: string) => story.sh('web', line)
const wish = (nginx = {}) => story.wish('web', ['nginx'], { nginx })
const inventory = () =>
  sh(`find /etc /usr/local /var/lib /var/log /var/www -xdev \\( -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /var/lib/ucf -o -path /var/log/apt -o -path /var/log/journal \\) -prune -o -print 2>/dev/null | grep -v ^/var/lib/devops | sort
     dpkg-query -W -f '\${db:Status-Abbrev} \${Package}\\n' | sort`)
const pid = async () => (await sh('systemctl show -P MainPID nginx')).trim()
const workers = async () => (await sh('pgrep -P $(systemctl show -P MainPID nginx)')).trim()

const ca = '/etc/nginx/ssl/shop.example.pem'
const https = (name: string, path = '/', more = '') =>
  sh(
    `curl -sS ${more} --cacert ${ca} --resolve '${name}:443:127.0.0.1' 'https://${name}${path}' 2>&1 || true`,
  )
const http = (name: string, path = '/') =>
  sh(`curl -sS --resolve '${name}:80:127.0.0.1' 'http://${name}${path}'`)

const shop = {
  id: 'shop',
  domain: 'shop.example',
  aliases: 'www.shop.example',
  ssl: { self_signed: true },
  routes: [
    { uri: '/', type: 'static' },
    { uri: '/manual/', type: 'static', static: 'alias', to: '/usr/share/common-licenses/' },
    { uri: '/app', type: 'proxy', to: 'app' },
    { uri: '= /teapot', custom: "return 418 'a teapot';" },
  ],
  upstreams: [{ name: 'app', backends: ['127.0.0.1:8080 weight=2', 'unix:/run/app.sock backup'] }],
}
const app = {
  id: 'app',
  domain: '_',
  port: 8080,
  routes: [{ uri: '/', custom: "return 200 '$http_host $http_x_forwarded_proto $uri';" }],
}
const plain = {
  domain: 'plain.example',
  routes: [{ uri: '/', custom: 'return 301 https://shop.example$uri;' }],
}
const sites = { vhosts: [shop, app, plain] }

test('a site answers over TLS with a certificate made for its names: files, an alias, a proxy, directives', async () => {
  await wish(sites)
  await sh('echo hello >/var/www/shop/index.html')
  assert.equal(await https('shop.example'), 'hello\n')
  assert.equal(await https('www.shop.example'), 'hello\n')
  assert.match(await https('other.example'), /certificate|SSL/)
  assert.equal(await https('shop.example', '/app/x'), 'shop.example https /app/x')
  assert.match(await https('shop.example', '/manual/GPL-3'), /GNU GENERAL PUBLIC LICENSE/)
  assert.equal(await https('shop.example', '/teapot', "-w ' %{http_code}'"), 'a teapot 418')
  assert.equal(await sh(`stat -c '%a %U' ${ca.replace('.pem', '.key')}`), '600 root\n')
  const { facts } = await story.see.node('web')
  assert.match((facts.services as { nginx: { version: string } }).nginx.version, /^\d+\.\d+/)
})

test('a second sync has nothing to do', async () => {
  assert.deepEqual(await story.again('web'), [])
})

test('one changed option changes one file, and no connection is cut for it', async () => {
  const before = [await pid(), await workers()]
  const did = await wish({ ...sites, http: { gzip: 'off' } })
  assert.deepEqual(did.length, 1, did.join('\n'))
  assert.match(did[0] ?? '', /change \/etc\/nginx\/nginx\.conf/)
  assert.equal(await pid(), before[0])
  await story.see.eventually('new workers', async () => (await workers()) !== before[1])
})

test('a name more makes the certificate anew, for all names, and it is served at once', async () => {
  const did = await wish({ vhosts: [{ ...shop, aliases: 'www.shop.example m.shop.example' }, app, plain] })
  assert.ok(
    did.some((line) => /certificate/.test(line)),
    did.join('\n'),
  )
  await story.see.eventually('the new certificate', async () => (await https('m.shop.example')) === 'hello\n')
})

test('a certificate for what is no host name is refused at the push, with file, line and reason', async () => {
  const { clone } = story
  const node = await clone.git('show', 'HEAD:nodes/web.yml')
  clone.write({ 'nodes/web.yml': node.text.replace('domain: shop.example', 'domain: ~^shop') })
  const refused = await clone.push('an expression')
  assert.notEqual(refused.code, 0)
  assert.match(
    refused.text,
    /nodes\/web\.yml:\d+:\d+ configuration\.nginx\.vhosts\.0\.domain: a certificate that signs itself is for a host name/,
  )
  clone.write({ 'nodes/web.yml': node.text })
})

test('nginx is reloaded, stopped, started and restarted by commands', async () => {
  const [master, served] = [await pid(), await workers()]
  await story.run('web', { run: 'devops nginx reload' })
  assert.equal(await pid(), master)
  await story.see.eventually('new workers', async () => (await workers()) !== served)
  const state = { run: 'systemctl is-active nginx || true' }
  const text = await story.run(
    'web',
    ...[{ run: 'devops nginx stop' }, state, { run: 'devops nginx start' }, state],
  )
  assert.match(text, / inactive\n[\s\S]+ active\n/)
  const between = await pid()
  await story.run('web', { run: 'devops nginx restart' })
  assert.equal(new Set([master, between, await pid()]).size, 3)
})

test('a site is added and removed by commands; one that nginx refuses changes nothing', async () => {
  const add = (site: object) => ({ run: 'devops nginx vhost add', options: { id: site } })
  const blog = { id: 'blog', domain: 'blog.example', routes: [{ uri: '/', type: 'static' }] }
  const bad = { ...blog, routes: [{ uri: '/', custom: 'nonsense;' }] }
  const remove = (purge: boolean) => ({ run: 'devops nginx vhost remove', options: { id: 'blog', purge } })
  const look = {
    run: 'echo a page | sudo tee /var/www/blog/index.html; curl -s -H "Host: blog.example" http://127.0.0.1/',
  }
  assert.match(await story.run('web', add(blog), look), /site blog is served[\s\S]+ a page\n[\s\S]+ a page\n/)
  assert.match(await story.fails('web', add(bad)), /nothing was changed/)
  assert.equal(await http('blog.example'), 'a page\n')
  assert.match(await story.run('web', remove(false)), /site blog is gone/)
  assert.equal(await sh('ls /etc/nginx/sites-available /var/www | grep blog'), 'blog\n')
  await story.run('web', add(blog), remove(true))
  assert.equal(await sh('ls -d /var/www/blog 2>/dev/null || true'), '')
})

test('a site that is wished no more is gone with its certificate, and its files stay', async () => {
  await wish({ vhosts: [plain] })
  assert.equal(
    await sh('ls /etc/nginx/ssl /etc/nginx/sites-enabled'),
    '/etc/nginx/sites-enabled:\nplain.example\n\n/etc/nginx/ssl:\n',
  )
  assert.equal(await sh('cat /var/www/shop/index.html'), 'hello\n')
  assert.match(await http('plain.example', '/x'), /301 Moved/)
})

test('nginx that is taken away is gone with a site that a command added, and purged it leaves nothing', async () => {
  const id = { id: 'left', domain: 'left.example', routes: [{ uri: '/', type: 'static' }] }
  const added = { run: 'devops nginx vhost add', options: { id } }
  // Its folder is data that no service describes.
  await story.run('web', added, { run: 'sudo rm -r /var/www/left' })
  await story.wish('web', [], {}, { purge: true })
  assert.equal(await sh('command -v nginx; pgrep nginx; true'), '')
  const left = (await inventory()).split('\n').filter((line) => !bare.split('\n').includes(line))
  assert.deepEqual(left, [])
})
