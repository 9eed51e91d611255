import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { stringify } from 'yaml'
import { type ServiceStory, startServiceStory } from '#testing/service-story.ts'

/** A Docker engine inside of a server; the registry that it pulls from is served by the server's own nginx. */
let story: ServiceStory
let bare: string

before(async () => {
  story = await startServiceStory('containers')
  await story.wish('engine', ['nginx'], { nginx })
  await sh(registry)
  bare = await inventory()
})
after(() => story?.[Symbol.asyncDispose]())

const sh = (line: string) => story.sh('engine', line)
const run = (command: string, options = {}) => story.run('engine', { run: `devops ${command}`, options })
const wish = (docker = {}) => story.wish('engine', ['nginx', 'docker'], { nginx, docker })
const inventory = () =>
  sh(`find /etc /usr/local /var/lib /var/log -xdev \\( -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/lib/ucf -o -path /var/lib/systemd -o -path /var/log/apt -o -path /var/log/journal \\) -prune -o -print | grep -v ^/var/lib/devops | sort
     dpkg-query -W -f '\${db:Status-Abbrev} \${Package}\\n' | sort`)
const pid = async () => (await sh('systemctl show -P MainPID docker')).trim()

const nginx = {
  vhosts: [
    {
      id: 'registry',
      port: 5000,
      routes: [
        { uri: '= /v2/', custom: 'return 200;' },
        { uri: '/v2/', custom: 'default_type application/vnd.docker.distribution.manifest.v2+json;' },
      ],
    },
  ],
}

/** An image of one layer with `echo` in it, as a registry hands it out. */
const registry = `set -e
mkdir -p /tmp/image/bin /tmp/image/lib /tmp/image/lib64 /var/www/registry/v2/tiny/blobs /var/www/registry/v2/tiny/manifests
cp -L /bin/echo /tmp/image/bin
cp -L $(ldd /bin/echo | grep -o '/lib/[^ ]*libc.so[^ ]*') /tmp/image/lib
cp -L /lib64/ld-linux-x86-64.so.2 /tmp/image/lib64
cd /var/www/registry/v2/tiny
tar -C /tmp/image -cf /tmp/layer.tar .
sum() { sha256sum "$1" | cut -d' ' -f1; }
keep() { cp "$1" "blobs/sha256:$(sum "$1")"; }
gzip -nk /tmp/layer.tar
printf '{"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/echo", "hello"]}, "rootfs": {"type": "layers", "diff_ids": ["sha256:%s"]}}' "$(sum /tmp/layer.tar)" >/tmp/config.json
keep /tmp/layer.tar.gz
keep /tmp/config.json
part() { printf '{"mediaType": "application/vnd.docker.%s", "size": %s, "digest": "sha256:%s"}' "$1" "$(stat -c %s "$2")" "$(sum "$2")"; }
printf '{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "config": %s, "layers": [%s]}' "$(part container.image.v1+json /tmp/config.json)" "$(part image.rootfs.diff.tar.gzip /tmp/layer.tar.gz)" >manifests/1
cp manifests/1 manifests/2
cp manifests/1 "manifests/sha256:$(sum manifests/1)"
mkdir ../library
ln -s ../tiny ../library/tiny`

test('docker runs, devops may use it, and images of the node are pulled, also through the mirror that came with it', async () => {
  const mirror = 'http://127.0.0.1:5000'
  await wish({
    images: ['127.0.0.1:5000/tiny:1', 'tiny:2'],
    registry_mirror: mirror,
    users: ['devops', 'daemon'],
  })
  assert.equal(await sh('docker info --format {{.RegistryConfig.Mirrors}}'), `[${mirror}/]\n`)
  assert.equal(await sh('runuser -u devops -- docker run --rm tiny:2'), 'hello\n')
  assert.match(await sh('id -nG daemon'), /docker/)
  assert.equal(await sh('runuser -u devops -- docker run --rm 127.0.0.1:5000/tiny:1'), 'hello\n')
  const { facts } = await story.see.node('engine')
  assert.match((facts.services as { docker: { version: string } }).docker.version, /^\d+\.\d+/)
  assert.deepEqual(await story.again('engine'), [])
})

test('a changed setting restarts docker, and nginx goes on', async () => {
  const before = [await pid(), await sh('systemctl show -P MainPID nginx')]
  const did = await wish({ dns: ['10.0.0.53'], settings: { 'log-driver': 'journald' } })
  assert.deepEqual(
    did.map((line) => line.replace(/, \d+ bytes$/, '')),
    ['take user daemon out of group docker', 'change /etc/docker/daemon.json'],
  )
  assert.equal(await sh('docker info --format {{.LoggingDriver}}'), 'journald\n')
  assert.notEqual(await pid(), before[0])
  assert.equal(await sh('systemctl show -P MainPID nginx'), before[1])
})

test('a setting that would hide images, or that docker does not load, fails the sync, and docker goes on', async () => {
  const images = await sh('docker images -q | sort -u')
  for (const [settings, words] of [
    [{ 'data-root': '/srv/docker' }, /data-root would change, and Docker would no longer see the \d+ images/],
    [{ 'userns-remap': 'default' }, /userns-remap would change/],
    [{ 'storage-driver': 'overlay2' }, /storage-driver would change/],
    [{ features: { 'containerd-snapshotter': true } }, /containerd-snapshotter would change/],
    [{ nonsense: 1 }, /nonsense/],
  ] as const) {
    const known = new Set((await story.see.works()).map(({ id }) => id))
    const node = { id: 'engine', type: 'server', provider: { name: 'docker' }, services: ['nginx', 'docker'] }
    story.clone.write({
      'nodes/engine.yml': stringify({ ...node, configuration: { nginx, docker: { settings } } }),
    })
    assert.equal((await story.clone.push('a setting')).code, 0)
    await story.see.eventually('a failed sync', async () => {
      const failed = (await story.see.works()).find(({ id, error }) => !known.has(id) && error)
      if (failed) assert.match(failed.error ?? '', words)
      return failed !== undefined
    })
    assert.equal(await sh('docker images -q | sort -u'), images)
  }
  await wish()
})

test('settings by hand in one line are read too, and a setting that says what holds already hides nothing', async () => {
  const judge = (old: string, settings: string) =>
    sh(`cd /etc/docker && cp daemon.json /tmp/daemon.json
        echo '${old}' >daemon.json && echo '${settings}' >/tmp/new.json
        devops-docker-judge /tmp/new.json 2>&1 || echo refused
        mv /tmp/daemon.json . && rm /tmp/new.json`)
  assert.match(await judge('{"debug":true,"userns-remap":"default"}', '{}'), /userns-remap would change/)
  assert.match(
    await judge('{"data-root":"/var/lib/docker","debug":true}', '{"data-root": "/srv/d"}'),
    /data-root/,
  )
  assert.doesNotMatch(
    await judge('{"debug":true}', '{"data-root": "/var/lib/docker", "storage-driver": "vfs"}'),
    /refused/,
  )
})

test('it answers over TCP only when it is told to', async () => {
  const answers = () => sh('curl -s --max-time 5 http://127.0.0.1:2375/_ping || true')
  assert.equal(await answers(), '')
  await wish({ inet: true })
  assert.equal(await answers(), 'OK')
  assert.equal(await sh('docker ps -q'), '')
  assert.deepEqual(await story.again('engine'), [])
  await wish()
  assert.equal(await answers(), '')
})

/** An authority with a pair for the engine and one for its client, as somebody brings them. */
const authority = `set -e
mkdir -p /etc/pki && cd /etc/pki
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=ca 2>/dev/null
pair() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.csr -subj /CN=$1 2>/dev/null
  printf 'subjectAltName = IP:127.0.0.2\\nextendedKeyUsage = serverAuth, clientAuth\\n' >$1.ext
  openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile $1.ext -out $1.pem 2>/dev/null
}
pair engine
pair client`

test('with tls it answers to clients with a certificate alone, and without its socket to nobody else', async () => {
  await sh(authority)
  const tls = {
    ca: '/etc/pki/ca.pem',
    certificate: '/etc/pki/engine.pem',
    private_key: '/etc/pki/engine.key',
  }
  await wish({ inet: true, inet_ip: '127.0.0.2', inet_port: 2376, tls, sock: false })
  const ask = (more: string) =>
    sh(`curl -s --max-time 5 --cacert /etc/pki/ca.pem ${more} https://127.0.0.2:2376/_ping || true`)
  assert.equal(await ask('--cert /etc/pki/client.pem --key /etc/pki/client.key'), 'OK')
  assert.equal(await ask(''), '')
  assert.equal(await sh("ss -Hltn 'sport = :2376' | awk '{print $4}'"), '127.0.0.2:2376\n')
  assert.equal(
    await sh('curl -s --max-time 5 --unix-socket /run/docker.sock http://docker/_ping || true'),
    '',
  )
  assert.deepEqual(await story.again('engine'), [])
  assert.match(
    await story.fails('engine', { run: 'devops docker image pull', options: { name: 'tiny:1' } }),
    /set sock: true/,
  )
  await wish()
  assert.equal(await sh('docker ps -q; rm -r /etc/pki'), '')
})

test('an image is pulled, and docker is reloaded, stopped, started and restarted, by commands', async () => {
  assert.match(await run('docker image pull', { name: '127.0.0.1:5000/tiny:2' }), /tiny:2/)
  await story.fails('engine', { run: 'devops docker image pull', options: { name: '127.0.0.1:5000/none:1' } })
  const before = await pid()
  const state = { run: 'systemctl is-active docker || true' }
  const text = await story.run(
    'engine',
    ...[{ run: 'devops docker reload' }, { run: 'devops docker stop' }, state],
    ...[{ run: 'devops docker start' }, state],
  )
  assert.match(text, / inactive\n[\s\S]+ active\n/)
  const between = await pid()
  await run('docker restart')
  assert.equal(new Set([before, between, await pid()]).size, 3)
})

test('docker that is taken away leaves its images, and purged it leaves nothing', async () => {
  const without = (more = {}) => story.wish('engine', ['nginx'], { nginx }, more)
  await without()
  assert.equal(await sh('command -v dockerd; pgrep -x dockerd; ls /var/lib/docker | grep -c image'), '1\n')
  await wish()
  assert.match(await sh('docker images'), /127\.0\.0\.1:5000\/tiny +2/)
  await without({ purge: true })
  const left = (await inventory()).split('\n').filter((line) => !bare.split('\n').includes(line))
  assert.deepEqual(left, [])
})
