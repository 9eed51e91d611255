import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf } from './testing/graphs.ts'

/**
 * Packages that are not Debian's, on a real server: pip and RubyGems by files that the test makes there, and a signed
 * repository of apt that the server serves itself. npm has a story of its own.
 */
let node: Converging
before(async () => {
  node = await startConverging()
  node.sh(`set -e
export DEBIAN_FRONTEND=noninteractive
# A server that has just started may still be tidying up /tmp, in which apt checks signatures.
for i in 1 2 3 4 5; do apt-get -qq update && break; sleep 1; done
apt-get -qq -y install --no-install-recommends python3-pip python3-venv ruby gpg gpg-agent >/dev/null 2>&1`)
})
after(() => node?.[Symbol.asyncDispose]())

const resources = (text: string) => graphOf(`resources:\n${text}`)
const nothing = graphOf('resources: []')
const sh = (line: string) => node.sh(line).trim()

/** Made, as wished by one look, made anew for another version, and gone. */
async function lives(wish: (version: string) => string, says: string): Promise<void> {
  for (const version of ['1.0.0', '1.1.0']) {
    await node.made(resources(wish(version)))
    assert.equal(sh(says), `hello ${version}`)
    const again = await node.made(resources(wish(version)))
    assert.deepEqual([again.did, again.trips], [[], 1])
  }
  await node.made(nothing)
  assert.equal(sh(`${says} 2>/dev/null || echo gone`), 'gone')
  assert.deepEqual((await node.made(nothing)).did, [])
}

/** A wheel is a zip with a list of what is in it (the binary distribution format of Python). */
const wheels = `mkdir -p /srv/wheels; cd /srv/wheels; python3 - <<'PY'
import zipfile
for version in ('1.0.0', '1.1.0'):
    about = f'hello_devops-{version}.dist-info'
    with zipfile.ZipFile(f'hello_devops-{version}-py3-none-any.whl', 'w') as wheel:
        wheel.writestr('hello_devops.py', f'def main():\\n    print("hello {version}")\\n')
        wheel.writestr(f'{about}/METADATA', f'Metadata-Version: 2.1\\nName: hello-devops\\nVersion: {version}\\n')
        wheel.writestr(f'{about}/WHEEL', 'Wheel-Version: 1.0\\nGenerator: a test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
        wheel.writestr(f'{about}/entry_points.txt', '[console_scripts]\\nhello-pip = hello_devops:main\\n')
        wheel.writestr(f'{about}/RECORD', ''.join(f'{name},,\\n' for name in wheel.namelist()))
PY`
const wheelOf = (version: string) => `/srv/wheels/hello_devops-${version}-py3-none-any.whl`

test('a package of pip comes for everybody, changes its version and leaves', async () => {
  node.sh(wheels)
  await lives(
    (version) => `  - {pip: hello-devops, version: '${version}', from: ${wheelOf(version)}}`,
    'hello-pip',
  )
})

test('a package of pip comes into an environment of its own, made for it, and nowhere else', async () => {
  await lives(
    (version) =>
      `  - {pip: hello-devops, version: '${version}', from: ${wheelOf(version)}, venv: /opt/hello}\n  - {directory: /opt/hello}`,
    '/opt/hello/bin/hello-pip',
  )
  assert.equal(sh('command -v hello-pip || echo none'), 'none')
})

test('a package of pip that there is not fails by its name, and what does not need it is done', async () => {
  const { failed } = await node.make(
    resources('  - {pip: hello-devops, from: /srv/wheels/none.whl}\n  - {file: /etc/other, content: "x"}'),
  )
  assert.deepEqual(
    failed.map(({ resource }) => resource),
    ['pip:hello-devops'],
  )
  assert.match(failed[0]?.reason ?? '', /none\.whl/)
  assert.equal(sh('cat /etc/other'), 'x')
  await node.made(nothing)
})

const gems = `set -e
mkdir -p /srv/gems/bin; cd /srv/gems
for version in 1.0.0 1.1.0; do
  printf '#!/usr/bin/env ruby\\nputs "hello %s"\\n' "$version" >bin/hello-gem
  chmod 755 bin/hello-gem
  cat >hello.gemspec <<GEM
Gem::Specification.new do |it|
  it.name, it.version, it.summary, it.authors = 'hello-devops', '$version', 'made by a test', ['test']
  it.files, it.executables = ['bin/hello-gem'], ['hello-gem']
end
GEM
  gem build -q hello.gemspec >/dev/null 2>&1
done`

test('a gem comes, changes its version and leaves', async () => {
  node.sh(gems)
  await lives(
    (version) =>
      `  - {gem: hello-devops, version: '${version}', from: /srv/gems/hello-devops-${version}.gem}`,
    'hello-gem',
  )
})

/** A flat repository with one package, signed by a key that is made here, served by the node to itself. */
const signed = `set -e
export GNUPGHOME=/tmp/keys
mkdir -p -m 700 $GNUPGHOME /srv/signed
cd /srv/signed
for name in right wrong; do
  gpg -q --batch --pinentry-mode loopback --passphrase '' --quick-generate-key $name@localhost ed25519 sign never
  gpg -q --armor --export $name@localhost >$name.asc
done
mkdir -p /tmp/signed-app/DEBIAN
printf 'Package: signed-app\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: test\\nDescription: made by a test\\n' >/tmp/signed-app/DEBIAN/control
dpkg-deb --build --root-owner-group /tmp/signed-app signed-app_1.0_all.deb >/dev/null
deb=signed-app_1.0_all.deb
{
  cat /tmp/signed-app/DEBIAN/control
  printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n' $deb "$(stat -c %s $deb)" "$(sha256sum <$deb | cut -d' ' -f1)"
} >Packages
printf 'Date: %s\\nSHA256:\\n %s %s Packages\\n' "$(date -uR)" "$(sha256sum <Packages | cut -d' ' -f1)" "$(stat -c %s Packages)" >Release
gpg -q --batch --local-user right@localhost --clearsign --output InRelease Release
systemd-run -q --unit signed python3 -m http.server 8099 --bind 127.0.0.1 --directory /srv/signed
curl -s --retry 30 --retry-connrefused --retry-delay 1 -o /dev/null http://127.0.0.1:8099/`

const repository = (
  key: string,
) => `  - {apt_repository: 'deb http://127.0.0.1:8099 ./', key: 'http://127.0.0.1:8099/${key}.asc'}
  - {package: signed-app}`

/** First: indexes that were verified once are believed by apt until newer ones are. */
test('a repository that another key signed gives no package, and apt is cited with the reason', async () => {
  node.sh(signed)
  const { failed } = await node.make(resources(repository('wrong')))
  assert.deepEqual(
    failed.map(({ resource }) => resource),
    ['package:signed-app'],
  )
  assert.match(failed[0]?.reason ?? '', /NO_PUBKEY|not signed|Unable to locate package signed-app/)
  assert.equal(sh('dpkg-query -W signed-app 2>/dev/null || echo none'), 'none')
  await node.made(nothing)
})

test('a package comes from a signed apt repository whose key is fetched by its address, and all leaves again', async () => {
  const trace =
    'ls /etc/apt/sources.list.d /etc/apt/keyrings 2>/dev/null; dpkg-query -W signed-app 2>&1 || true'
  const former = sh(trace)
  await node.made(resources(repository('right')))
  assert.match(sh('dpkg -s signed-app'), /^Status: install ok installed$/m)
  assert.equal(sh('grep -c ^Signed-By: /etc/apt/sources.list.d/devops-*.sources'), '1')
  const again = await node.made(resources(repository('right')))
  assert.deepEqual([again.did, again.trips], [[], 1])
  await node.made(nothing)
  assert.equal(sh(trace), former)
})

test('swap that this container refuses is said to be refused, and neither file nor line of fstab stays', async () => {
  const fstab = sh('cat /etc/fstab 2>/dev/null || true')
  const { failed } = await node.make(resources('  - {swap: /var/swapfile, size: 2}'))
  assert.equal(failed[0]?.resource, 'swap:/var/swapfile')
  assert.match(failed[0]?.reason ?? '', /swapon failed/)
  assert.equal(
    sh('ls /var/swapfile 2>/dev/null || echo none; cat /etc/fstab 2>/dev/null || true'),
    `none\n${fstab}`.trim(),
  )
  await node.made(nothing)
})
