import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf } from './testing/graphs.ts'
import { offerPackages } from './testing/packages.ts'

/** Each kind on a real server: made, found as wished by one look, and gone again without a trace. */
let node: Converging
before(async () => {
  node = await startConverging()
  // /proc/sys is read-only in most containers, and a server's is not.
  node.sh('mount -o remount,rw /proc/sys')
})
after(() => node?.[Symbol.asyncDispose]())

const resources = (text: string, files = {}, scope = {}) => graphOf(`resources:\n${text}`, files, scope)
const nothing = graphOf('resources: []')

/** Makes it, looks at it, makes it again, takes it away: `trace` must be as at first. */
async function live(graph: ReturnType<typeof graphOf>, trace: string, look: () => void) {
  const before = node.sh(trace)
  await node.made(graph)
  look()
  const again = await node.made(graph)
  assert.deepEqual([again.did, again.trips], [[], 1])
  await node.made(nothing)
  assert.equal(node.sh(trace), before)
  assert.deepEqual((await node.made(nothing)).did, [])
}

const sh = (line: string) => node.sh(line).trim()

test('a line of a file of somebody else is added or replaced, and the former one comes back', async () => {
  node.sh('printf "# theirs\\nPort 22\\nlast" >/etc/app.conf; chmod 640 /etc/app.conf')
  await live(
    resources(`  - {line: Port 2200, in: /etc/app.conf, match: '^#?Port [0-9]+$', check: 'grep -q Port {file}'}
  - {line: 'Banner $HOME "x"', in: /etc/app.conf}`),
    'cat /etc/app.conf; stat -c %a /etc/app.conf',
    () => assert.equal(sh('cat /etc/app.conf'), '# theirs\nPort 2200\nlast\nBanner $HOME "x"'),
  )
  await node.made(nothing)
  assert.equal(sh('cat /etc/app.conf; stat -c %a /etc/app.conf'), '# theirs\nPort 22\nlast640')
  const refused = await node.make(resources(`  - {line: x, in: /etc/app.conf, check: 'false'}`))
  assert.equal(refused.failed.length, 1)
  assert.equal(sh('grep -c x /etc/app.conf || true'), '0')
})

test('an archive of the repository is unpacked, another version takes its place, a broken one changes nothing', async () => {
  const pack = (files: string) =>
    sh(
      `rm -rf /tmp/a; mkdir -p /tmp/a/app-1/bin; cd /tmp/a/app-1; ${files}; cd ..; tar -czf - app-1 | base64 -w0`,
    )
  const first = pack('echo one >bin/run; chmod 755 bin/run; echo old >"old file"')
  const second = pack('echo two >bin/run; ln -s bin/run link')
  const wish = (base64: string, more = '') =>
    resources(`  - {archive: /opt/app, base64: ${base64}, strip: 1, owner: daemon${more}}`)
  await node.made(wish(first))
  node.sh('echo mine >/opt/app/data')
  assert.equal(
    sh('cd /opt/app; find . | sort; stat -c %U.%a bin/run'),
    '.\n./bin\n./bin/run\n./data\n./old file\ndaemon.755',
  )
  assert.deepEqual((await node.made(wish(first))).did, [])
  await node.made(wish(second))
  assert.equal(sh('cd /opt/app; cat link; ls'), 'two\nbin\ndata\nlink')
  const broken = await node.make(wish(Buffer.from('no archive').toString('base64')))
  assert.equal(broken.failed.length, 1)
  assert.equal(sh('cat /opt/app/link'), 'two')
  await node.made(nothing)
  assert.equal(sh('find /opt/app; ls /var/lib/devops/archives'), '/opt/app\n/opt/app/data')
})

const packed = (files: string) =>
  sh(`rm -rf /tmp/a; mkdir -p /tmp/a; cd /tmp/a; ${files}; tar -czf - . | base64 -w0`)
const unpacked = (base64: string, at = '/opt/turn') => resources(`  - {archive: ${at}, base64: ${base64}}`)
const tree = (at = '/opt/turn') => sh(`cd ${at}; find . -mindepth 1 -printf '%y %P\\n' | sort`)

test('an archive whose next version makes a folder of a file, and a file of a folder, is unpacked whole', async () => {
  const one = packed('echo 1 >thing; mkdir -p lib/sub; echo 1 >lib/sub/x; echo 1 >same')
  const two = packed('mkdir -p thing/in; echo 2 >thing/in/x; echo 2 >lib; echo 2 >same')
  await node.made(unpacked(one))
  for (const [archive, files] of [
    [two, 'd thing\nd thing/in\nf lib\nf same\nf thing/in/x'],
    [one, 'd lib\nd lib/sub\nf lib/sub/x\nf same\nf thing'],
  ] as const) {
    await node.made(unpacked(archive))
    assert.equal(tree(), files)
    assert.deepEqual((await node.made(unpacked(archive))).did, [])
  }
  await node.made(nothing)
  assert.equal(sh('ls -d /opt/turn 2>/dev/null || echo gone'), 'gone')
})

test('an archive that would take the place of what is not its own changes nothing, and says what is in the way', async () => {
  const one = packed('mkdir lib; echo 1 >lib/x; echo 1 >same')
  await node.made(unpacked(one))
  node.sh('echo mine >/opt/turn/lib/mine; echo mine >/opt/turn/data')
  for (const [files, way] of [
    ['echo 2 >lib; echo 2 >same', './lib/mine'],
    ['mkdir data; echo 2 >data/x; echo 2 >same', './data'],
  ] as const) {
    const refused = await node.make(unpacked(packed(files)))
    assert.match(
      refused.failed[0]?.reason ?? '',
      new RegExp(`in the way and not from a former version.*${way}`),
    )
    assert.equal(tree(), 'd lib\nf data\nf lib/mine\nf lib/x\nf same')
    assert.equal(sh('cat /opt/turn/same'), '1')
  }
  await node.made(unpacked(one))
  await node.made(nothing)
  assert.equal(tree(), 'd lib\nf data\nf lib/mine')
  node.sh('rm -r /opt/turn')
})

test('an archive that the disk cannot hold leaves the former version whole', async () => {
  node.sh('mkdir /opt/small; mount -t tmpfs -o size=400k tmpfs /opt/small')
  const one = packed('echo 1 >a; echo 1 >b')
  const big = packed('echo 2 >a; head -c 600000 /dev/zero >b; echo 2 >c')
  await node.made(unpacked(one, '/opt/small'))
  const refused = await node.make(unpacked(big, '/opt/small'))
  assert.equal(refused.failed.length, 1)
  assert.equal(sh('cd /opt/small; cat a b; ls -A'), '1\n1\na\nb')
  await node.made(nothing)
  node.sh('umount /opt/small; rmdir /opt/small')
})

test('an archive at an address is fetched once, and another content than the wished one is refused', async () => {
  let bytes = Buffer.from(
    sh('rm -rf /tmp/w; mkdir -p /tmp/w/x; cd /tmp/w; echo text >x/f; tar -czf - x | base64 -w0'),
    'base64',
  )
  let asked = 0
  let login: string | undefined
  let seen = ''
  const web = createServer(({ headers }, answer) => {
    asked++
    login = headers.authorization
    seen += sh('cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " || true')
    answer.end(bytes)
  })
  await new Promise<void>((resolve) => web.listen(0, '0.0.0.0', resolve))
  const { port } = web.address() as { port: number }
  const url = `http://ann:pass%22word@${sh('hostname -I').split(' ')[0]?.replace(/\d+$/, '1')}:${port}/w.tar.gz`
  const wish = (sum: string) => resources(`  - {archive: /opt/w, url: '${url}', sha256: '${sum}'}`)
  try {
    await live(wish(createHash('sha256').update(bytes).digest('hex')), 'ls -d /opt/w || true', () =>
      assert.equal(sh('cat /opt/w/x/f'), 'text'),
    )
    assert.equal(asked, 1)
    // The login reaches the server, and no list of processes.
    assert.equal(login, `Basic ${Buffer.from('ann:pass"word').toString('base64')}`)
    assert.match(seen, /curl/)
    assert.doesNotMatch(seen, /pass/)
    node.sh('apt-get -qq update; apt-get -qq -y install zip xz-utils >/dev/null 2>&1')
    for (const pack of ['zip -qr - x', 'tar -cJf - x']) {
      bytes = Buffer.from(sh(`cd /tmp/w; ${pack} | base64 -w0`), 'base64')
      await node.made(wish(createHash('sha256').update(bytes).digest('hex')))
      assert.equal(sh('cat /opt/w/x/f'), 'text')
    }
    await node.made(nothing)
    const wrong = await node.make(wish('0'.repeat(64)))
    assert.match(wrong.failed[0]?.reason ?? '', /nothing is unpacked/)
    await node.make(nothing)
  } finally {
    web.close()
  }
})

test('a mount is in fstab and mounted, also after its options change', async () => {
  const wish = (options: string) =>
    resources(`  - {mount: '/mnt/my data', device: tmpfs, type: tmpfs, options: '${options}'}`)
  await live(wish('size=1m'), 'cat /etc/fstab; mount | grep -c my || true', () =>
    assert.match(
      sh('findmnt -n -o FSTYPE,OPTIONS "/mnt/my data"; tail -n 1 /etc/fstab'),
      /size=1024k[\s\S]*my\\040data tmpfs size=1m 0 0/,
    ),
  )
  await node.made(wish('size=1m'))
  await node.made(wish('size=2m'))
  assert.match(sh('findmnt -n -o OPTIONS "/mnt/my data"'), /size=2048k/)
  await node.made(nothing)
})

test('a mount that was in fstab before, and was never changed, stays mounted', async () => {
  node.sh(
    `mkdir -p /mnt/theirs; printf 'tmpfs  /mnt/theirs  tmpfs size=1m 0 0\\n# the end\\n' >>/etc/fstab; mount /mnt/theirs; echo x >/mnt/theirs/file`,
  )
  await live(
    resources('  - {mount: /mnt/theirs, device: tmpfs, type: tmpfs, options: size=1m}'),
    'cat /etc/fstab /mnt/theirs/file',
    () => assert.equal(sh('cat /mnt/theirs/file'), 'x'),
  )
  // What we changed is given back, in its place.
  await live(
    resources("  - {mount: /mnt/theirs, device: tmpfs, type: tmpfs, options: 'size=1m,noexec'}"),
    'cat /etc/fstab /mnt/theirs/file; findmnt -n -o OPTIONS /mnt/theirs',
    () => assert.match(sh('findmnt -n -o OPTIONS /mnt/theirs'), /noexec/),
  )
  node.sh('umount /mnt/theirs; rmdir /mnt/theirs; sed -i /theirs/d /etc/fstab')
})

test('what was mounted by hand before stays mounted, and fstab is as it was', async () => {
  node.sh('mkdir -p /mnt/hand; mount -t tmpfs tmpfs /mnt/hand')
  await live(
    resources('  - {mount: /mnt/hand, device: tmpfs, type: tmpfs}'),
    'cat /etc/fstab; findmnt -n -o SOURCE /mnt/hand',
    () => assert.match(sh('tail -n 1 /etc/fstab'), /hand/),
  )
  node.sh('umount /mnt/hand; rmdir /mnt/hand')
})

test('a mount that fails leaves the former one in force, and is no success at the next try', async () => {
  const wish = (device: string, type: string) =>
    resources(`  - {mount: /mnt/turn, device: ${device}, type: ${type}}`)
  await node.made(wish('tmpfs', 'tmpfs'))
  const before = sh('cat /etc/fstab; findmnt -n -o FSTYPE /mnt/turn')
  for (let tries = 0; tries < 2; tries++) {
    const refused = await node.make(wish('/dev/no-such', 'ext4'))
    assert.deepEqual(
      refused.failed.map(({ resource }) => resource),
      ['mount:/mnt/turn'],
    )
    assert.equal(sh('cat /etc/fstab; findmnt -n -o FSTYPE /mnt/turn'), before)
  }
  node.sh('(cd /mnt/turn && exec sleep 1000) >/dev/null 2>&1 & echo $! >/tmp/busy; sleep 0.2')
  for (let tries = 0; tries < 2; tries++)
    assert.match(
      (await node.make(wish('proc', 'proc'))).failed[0]?.reason ?? '',
      /in use: it stays mounted as it was/,
    )
  node.sh('kill $(cat /tmp/busy)')
  await node.made(wish('proc', 'proc'))
  assert.equal(sh('findmnt -n -o FSTYPE /mnt/turn'), 'proc')
  // Somebody does it by hand: the kernel is asked, and not fstab.
  await node.made(resources('  - {mount: /mnt/turn, device: tmpfs, type: tmpfs, options: noexec}'))
  node.sh('mount -o remount,exec /mnt/turn')
  const again = await node.made(
    resources('  - {mount: /mnt/turn, device: tmpfs, type: tmpfs, options: noexec}'),
  )
  assert.equal(again.changes[0]?.summary, 'mount /mnt/turn: noexec false -> true')
  assert.match(sh('findmnt -n -o OPTIONS /mnt/turn'), /noexec/)
  await node.made(nothing)
  assert.equal(sh('ls -d /mnt/turn 2>/dev/null; grep -c turn /etc/fstab || true'), '0')
})

test('hosts, kernel values and the time zone are set, and given back', async () => {
  node.sh('echo "10.9.9.9 theirs" >>/etc/hosts')
  await live(
    resources(`  - {hostname: app-1}
  - {host: db.internal, ip: 10.1.2.3, aliases: [db]}
  - {host: theirs, ip: 'fd00::1'}
  - {sysctl: 90-app, values: {net.ipv4.ip_forward: 1, net.ipv4.conf.all.forwarding: 1, net.no.such: 3}}
  - {timezone: Europe/Berlin}`),
    'hostname; cat /etc/hostname /etc/hosts /etc/timezone /proc/sys/net/ipv4/conf/all/forwarding; readlink /etc/localtime; ls /etc/sysctl.d',
    () => {
      assert.match(sh('getent hosts db theirs; date +%Z'), /10\.1\.2\.3 .*\nfd00::1 .*\nCES?T/)
      assert.equal(sh('cat /proc/sys/net/ipv4/ip_forward'), '1')
    },
  )
  const wrong = await node.make(resources('  - {timezone: Europe/Nowhere}'))
  assert.match(wrong.failed[0]?.reason ?? '', /there is no time zone Europe\/Nowhere/)
  await node.make(nothing)
})

test('a unit brings its own file, is restarted when it changes, and leaves', async () => {
  const wish = (text: string) =>
    resources(`  - unit: app
    content: "[Service]\\nExecStart=/bin/sleep ${text}\\n[Install]\\nWantedBy=multi-user.target\\n"
    drop_ins: {limits: "[Service]\\nLimitNOFILE=99\\n"}
    enabled: true
    running: true`)
  const runs = () =>
    sh('tr "\\0" " " </proc/$(systemctl show -P MainPID app)/cmdline; systemctl is-enabled app')
  await live(
    wish('1001'),
    'ls /etc/systemd/system; systemctl list-units --all | grep -c app.service || true',
    () => assert.equal(runs(), '/bin/sleep 1001 enabled'),
  )
  await node.made(wish('1001'))
  const { did } = await node.made(wish('1002'))
  assert.deepEqual([did, runs()], [['file:/etc/systemd/system/app.service'], '/bin/sleep 1002 enabled'])
  await node.made(nothing)
})

test('a unit that was there and stopped is as it was, when it is wished no more', async () => {
  node.sh(
    'printf "[Service]\\nExecStart=/bin/sleep 1003\\n" >/etc/systemd/system/theirs.service; systemctl daemon-reload',
  )
  await live(resources('  - {unit: theirs, running: true}'), 'systemctl is-active theirs || true', () =>
    assert.equal(sh('systemctl is-active theirs'), 'active'),
  )
})

test('a firewall starts on a server that does not know the names of protocols', async () => {
  node.sh('rm -f /etc/protocols')
  await live(
    resources(`  - {firewall: drop}
  - {firewall_rule: web, ports: [80, '8000-8010'], from: [10.0.0.0/8, 'fd00::/8']}`),
    'ls -d /etc/devops 2>/dev/null || echo none',
    () => assert.match(sh('nft list table inet devops'), /policy drop/),
  )
})

test('a unit that cannot start says what its program said last, not what systemd said after it', async () => {
  node.sh(
    `printf '#!/bin/sh\necho "rules:11: Error: the decisive line"; echo two; echo three; exit 1\n' >/srv/broken; chmod 755 /srv/broken`,
  )
  const failed = await node.make(
    resources(`  - unit: broken
    content: "[Service]\\nType=oneshot\\nExecStart=/srv/broken\\n"
    running: true`),
  )
  assert.match(failed.failed[0]?.reason ?? '', /rules:11: Error: the decisive line/)
  await node.make(nothing)
})

test('a timer runs its line as its user, whatever the line holds', async () => {
  await live(
    resources(`  - timer: job
    schedule: '*-*-* 03:00:00'
    user: daemon
    run: |
      who=$(id -un); printf '%s %s\\n' "$who" 'a "b" \\ %c' >/tmp/job-ran`),
    'ls /etc/systemd/system; systemctl list-timers --all | grep -c job || true',
    () => {
      assert.equal(sh('systemctl is-enabled job.timer; systemctl is-active job.timer'), 'enabled\nactive')
      node.sh('systemctl start job')
      assert.equal(sh('cat /tmp/job-ran'), 'daemon a "b" \\ %c')
    },
  )
})

test('a certificate signs itself, is made anew before it ends, and a given pair must fit', async () => {
  const wish = (more: string) =>
    resources(
      `  - {certificate: /etc/ssl/app.pem, key: /etc/ssl/app.key, names: [app.example, 10.0.0.1], ${more}}`,
    )
  await live(wish('days: 90, owner: daemon'), 'ls /etc/ssl', () =>
    assert.equal(
      sh(
        'stat -c %U.%a /etc/ssl/app.key; openssl x509 -in /etc/ssl/app.pem -noout -ext subjectAltName | tail -n1',
      ),
      'daemon.600\n    DNS:app.example, IP Address:10.0.0.1',
    ),
  )
  await node.made(wish('days: 40'))
  assert.deepEqual((await node.made(wish('days: 40, renew: 39'))).did, [])
  const soon = await node.made(wish('days: 60, renew: 50'))
  assert.match(soon.changes.map(({ summary }) => summary).join(), /it ends .* -> in 60 days/)
  assert.deepEqual((await node.made(wish('days: 60, renew: 50'))).did, [])
  const pem = {
    vars: {
      c: sh('cat /etc/ssl/app.pem'),
      k: sh('cat /etc/ssl/app.key'),
      other: sh('openssl genpkey -algorithm ed25519'),
    },
  }
  await node.made(nothing)
  const given = (key: string) =>
    resources(
      `  - {certificate: /etc/ssl/b.pem, key: /etc/ssl/b.key, content: '{{ vars.c }}', key_content: '{{ vars.${key} }}'}`,
      {},
      pem,
    )
  await node.made(given('k'))
  assert.deepEqual((await node.made(given('k'))).did, [])
  await node.made(nothing)
  assert.match(
    (await node.make(given('other'))).failed[0]?.reason ?? '',
    /certificate and key do not fit together/,
  )
  await node.make(nothing)
})

test('a checkout follows its version, keeps what somebody changed, and leaves when it is clean', async () => {
  node.sh(
    `su daemon -s /bin/sh -c 'rm -rf /tmp/o; git init -q -b main /tmp/o; cd /tmp/o; git config user.email a@b; git config user.name a; echo 1 >f; git add f; git commit -qm one; git tag v1; echo 2 >f; git commit -qam two'`,
  )
  const wish = (more: string) =>
    resources(`  - {git_checkout: /srv/code, repo: /tmp/o, user: daemon, ${more}}`)
  await live(wish('version: v1'), 'ls /srv', () =>
    assert.equal(sh('cat /srv/code/f; stat -c %U /srv/code/f'), '1\ndaemon'),
  )
  await node.made(wish('update: true'))
  assert.equal(sh('cat /srv/code/f'), '2')
  node.sh(`su daemon -s /bin/sh -c 'cd /tmp/o; echo 3 >f; git commit -qam three'`)
  assert.deepEqual((await node.made(wish('version: main'))).did, [])
  await node.made(wish('update: true'))
  assert.equal(sh('cat /srv/code/f'), '3')
  node.sh('echo mine >/srv/code/mine')
  await node.made(nothing)
  assert.equal(sh('cat /srv/code/mine; rm -rf /srv/code'), 'mine')
})

test('an apt repository is trusted for its own key alone, given as text', async () => {
  node.sh('apt-get -qq update; apt-get -qq -y install gpg gpg-agent >/dev/null 2>&1')
  node.sh(offerPackages([{ name: 'signed-tool' }]))
  node.sh(`rm -f /etc/apt/sources.list.d/local.list; cd /srv/apt
export GNUPGHOME=/tmp/gpg; mkdir -m 700 -p $GNUPGHOME
gpg -q --batch --passphrase '' --quick-generate-key test@example.com ed25519 sign 2>/dev/null
printf 'SHA256:\\n %s %s Packages\\n' "$(sha256sum <Packages | cut -d' ' -f1)" "$(stat -c %s Packages)" >Release
gpg -q --batch --yes --clearsign -o InRelease Release
rm -f /var/lib/apt/lists/_srv*`)
  const key = sh('GNUPGHOME=/tmp/gpg gpg -q --armor --export test@example.com')
  await live(
    resources(
      `  - {apt_repository: 'deb file:/srv/apt ./', key: '{{ vars.key }}'}\n  - {package: signed-tool}`,
      {},
      { vars: { key } },
    ),
    'ls /etc/apt/sources.list.d /etc/apt/keyrings; dpkg -l signed-tool 2>/dev/null | grep -c ^ii || true',
    () =>
      assert.match(
        sh('cat /etc/apt/sources.list.d/devops-*.sources'),
        /Signed-By: \/etc\/apt\/keyrings\/devops-.*\.gpg/,
      ),
  )
})

test('a key is fetched again when its address changes, and when another one is at its address', async () => {
  // Another test may have left a repository there, signed as it was then.
  node.sh('rm -rf /srv/apt /var/lib/apt/lists/_srv*; rm -f /etc/apt/sources.list.d/local.list')
  node.sh('apt-get -qq update; apt-get -qq -y install gpg gpg-agent >/dev/null 2>&1')
  node.sh(offerPackages([{ name: 'rotated-one' }, { name: 'rotated-two' }]))
  node.sh('rm -f /etc/apt/sources.list.d/local.list')
  const sign = (name: string) =>
    sh(`cd /srv/apt; export GNUPGHOME=/tmp/gpg-${name}; mkdir -m 700 -p $GNUPGHOME
gpg -q --batch --list-keys ${name}@example.com >/dev/null 2>&1 || gpg -q --batch --passphrase '' --quick-generate-key ${name}@example.com ed25519 sign 2>/dev/null
printf 'SHA256:\\n %s %s Packages\\n' "$(sha256sum <Packages | cut -d' ' -f1)" "$(stat -c %s Packages)" >Release
gpg -q --batch --yes --clearsign -o InRelease Release
rm -f /var/lib/apt/lists/_srv*
gpg -q --armor --export ${name}@example.com`)
  const keys: Record<string, string> = { '/key': sign('first') }
  const web = createServer(({ url = '' }, answer) => {
    answer.statusCode = keys[url] === undefined ? 503 : 200
    answer.end(keys[url])
  })
  await new Promise<void>((resolve) => web.listen(0, '0.0.0.0', resolve))
  const { port } = web.address() as { port: number }
  const host = `http://${sh('hostname -I').split(' ')[0]?.replace(/\d+$/, '1')}:${port}`
  const wish = (path: string, ...packages: string[]) =>
    resources(
      [
        `  - {apt_repository: 'deb file:/srv/apt ./', key: '${host}${path}'}`,
        ...packages.map((name) => `  - {package: ${name}}`),
      ].join('\n'),
    )
  const digest = () => sh('sha256sum /etc/apt/keyrings/devops-*.gpg | cut -c1-12')
  try {
    await node.made(wish('/key', 'rotated-one'))
    const first = digest()
    assert.deepEqual((await node.made(wish('/key', 'rotated-one'))).did, [])
    // The same address, another key, and an index that only that one signs.
    const second = sign('second')
    keys['/key'] = `${second}\n${keys['/key']}`
    await node.made(wish('/key', 'rotated-one', 'rotated-two'))
    assert.notEqual(digest(), first)
    assert.deepEqual((await node.made(wish('/key', 'rotated-one', 'rotated-two'))).did, [])
    // Another address.
    keys['/other'] = second
    const both = digest()
    await node.made(wish('/other', 'rotated-one', 'rotated-two'))
    assert.notEqual(digest(), both)
    // An address that does not answer, or with a page, takes nothing away.
    const kept = digest()
    for (const answer of [undefined, '<html>sign in</html>']) {
      if (answer === undefined) delete keys['/other']
      else keys['/other'] = answer
      assert.deepEqual((await node.made(wish('/other', 'rotated-one', 'rotated-two'))).did, [])
      assert.equal(digest(), kept)
    }
    const refused = await node.make(wish('/nowhere'))
    assert.match(refused.failed.map(({ reason }) => reason).join(), /cannot be fetched/)
    assert.equal(digest(), kept)
  } finally {
    web.close()
    await node.make(nothing)
  }
})
