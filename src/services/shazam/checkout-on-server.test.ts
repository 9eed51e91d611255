import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { quote } from './quote.ts'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf } from './testing/graphs.ts'

/** Checkouts on a real server, with a real remote: nothing that is nowhere else is ever deleted. */
let node: Converging
before(async () => {
  node = await startConverging({ systemd: false })
  node.sh('install -d -o daemon /srv/remote')
})
after(() => node?.[Symbol.asyncDispose]())

const nothing = graphOf('resources: []')
const sh = (line: string) => node.sh(line).trim()
/** As the user who owns both, in a folder. */
const as = (folder: string, lines: string) =>
  sh(`cat >/tmp/lines <<'END'
set -e
export HOME=/tmp GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
cd ${folder}
${lines}
END
chmod 644 /tmp/lines; runuser -u daemon -- sh /tmp/lines 2>&1`)
const remote = (lines: string) => as('/srv/remote', lines)
const local = (lines: string) => as('/srv/code', lines)
const fresh = () =>
  remote(`rm -rf /srv/remote/* /srv/remote/.git; git init -q -b main; echo 1 >f; echo ignored >.gitignore; git add .; git commit -qm one; git tag v1
echo 2 >f; git commit -qam two; git tag -a v2 -m two`)
const wish = (more = '') =>
  graphOf(`resources: [{git_checkout: /srv/code, repo: /srv/remote, user: daemon${more}}]`)
async function settled(more: string) {
  await node.made(wish(more))
  const again = await node.made(wish(more))
  assert.deepEqual([again.did, again.trips], [[], 1])
  return sh('cat /srv/code/f')
}
const there = () => sh('ls -d /srv/code 2>/dev/null || echo gone')

/** Something that is only in the checkout, and what is said of it. */
const held: [what: string, make: string, said: RegExp][] = [
  [
    'a local branch',
    'git checkout -q -b mine; echo x >>f; git commit -qam mine; git checkout -q --detach v1',
    /refs\/heads\/mine: \w+ mine/,
  ],
  ['a detached HEAD', 'echo x >>f; git commit -qam loose', /HEAD: \w+ loose/],
  ['a stash', 'echo x >>f; git stash -q', /stash@\{0\}/],
  [
    'a local tag',
    'echo x >>f; git commit -qam tagged; git tag keep; git checkout -q --detach v1',
    /refs\/tags\/keep: \w+ tagged/,
  ],
  ['the message of a tag', 'git tag -a words -m words v1', /refs\/tags\/words/],
  ['a note', 'git notes add -m note v1', /refs\/notes\/commits/],
  ['a change', 'echo x >>f', / M f/],
  ['a staged change', 'echo x >>f; git add f', /M {2}f/],
  ['an untracked file', 'echo x >new', /\?\? new/],
  [
    'an untracked file that git is told not to show',
    'git config status.showUntrackedFiles no; echo x >new',
    /\?\? new/,
  ],
  ['an ignored file', 'echo x >ignored', /!! ignored/],
  [
    'a change that git is told to overlook',
    'git update-index --assume-unchanged f; echo x >>f',
    /hidden from git status: f/,
  ],
  [
    'another working tree',
    'rm -rf /tmp/tree; git worktree add -q --detach /tmp/tree v1',
    /another working tree: \/tmp\/tree/,
  ],
]

for (const [what, make, said] of held)
  test(`a checkout that is taken out stays when it holds ${what}, and that is said`, async () => {
    fresh()
    await node.made(wish(', version: v1'))
    local(make)
    await node.made(nothing)
    assert.equal(there(), '/srv/code')
    assert.match(node.lines.map(({ text }) => text).join('\n'), said)
    assert.deepEqual((await node.made(nothing)).did, [])
    node.sh('rm -rf /srv/code')
  })

test('what was at the remote when it was fetched, and is not any more, stays', async () => {
  fresh()
  remote('git checkout -q -b topic; echo 3 >f; git commit -qam topic; git checkout -q main')
  await node.made(wish(', version: topic'))
  remote('git branch -q -D topic')
  await node.made(nothing)
  assert.match(node.lines.map(({ text }) => text).join('\n'), /HEAD: \w+ topic/)
  assert.equal(there(), '/srv/code')
  node.sh('rm -rf /srv/code')
})

test('a remote that does not answer is no reason to delete anything', async () => {
  fresh()
  await node.made(wish())
  node.sh('mv /srv/remote /srv/away')
  await node.made(nothing)
  node.sh('mv /srv/away /srv/remote')
  assert.match(node.lines.map(({ text }) => text).join('\n'), /the remote does not answer/)
  assert.equal(there(), '/srv/code')
  node.sh('rm -rf /srv/code')
})

test('a checkout whose branches and tags are all at the remote leaves, with the folders that it brought', async () => {
  fresh()
  const at = graphOf('resources: [{git_checkout: /srv/deep/er/code, repo: /srv/remote, user: daemon}]')
  await node.made(at)
  as(
    '/srv/deep/er/code',
    'git checkout -q -b work; echo 3 >f; git commit -qam work; git push -q origin work; git tag mine v1; git push -q origin mine',
  )
  await node.made(nothing)
  assert.equal(sh('ls -d /srv/deep 2>/dev/null || echo gone'), 'gone')
})

test('a folder that was there before stays, empty', async () => {
  fresh()
  node.sh('install -d -o daemon /srv/code')
  await node.made(wish())
  await node.made(nothing)
  assert.equal(sh('ls -A /srv/code; ls -d /srv/code; rmdir /srv/code'), '/srv/code')
})

test('a version is the ref of exactly that name: no other that ends alike', async () => {
  fresh()
  remote(
    `git checkout -q -b users/main; echo users >f; git commit -qam users; git tag other/v1; git checkout -q main`,
  )
  assert.equal(await settled(', version: main, update: true'), '2')
  remote('git checkout -q users/main; echo more >>f; git commit -qam more; git checkout -q main')
  assert.deepEqual((await node.made(wish(', version: main, update: true'))).did, [])
  assert.equal(await settled(', version: v1, update: true'), '1')
  assert.equal(await settled(', version: users/main, update: true'), 'users\nmore')
  assert.equal(await settled(', version: refs/tags/v2, update: true'), '2')
  assert.equal(await settled(', version: refs/tags/v1'), '1')
  assert.equal(await settled(', version: refs/heads/main'), '2')
})

test('a branch and a tag of one name: the branch, unless the tag is named in full', async () => {
  fresh()
  remote(
    'git checkout -q -b both v1; echo branch >f; git commit -qam branch; git tag both main; git checkout -q main',
  )
  for (const more of ['', ', update: true']) {
    assert.equal(await settled(`, version: both${more}`), 'branch')
    assert.equal(await settled(`, version: refs/tags/both${more}`), '2')
  }
})

test('a commit is a version as well, with update too', async () => {
  fresh()
  const commit = remote('git rev-parse v1')
  for (const version of [commit, commit.slice(0, 9)])
    for (const more of ['', ', update: true'])
      assert.equal(await settled(`, version: '${version}'${more}`), '1')
})

test('a branch that becomes a folder, or goes, is said with the branches that there are', async () => {
  fresh()
  await settled(', version: main, update: true')
  remote('git checkout -q --detach; git branch -m main main/next')
  const gone = await node.make(wish(', version: main, update: true'))
  assert.match(
    gone.failed[0]?.reason ?? '',
    /\/srv\/remote has no branch, tag or commit main. Its branches are: main\/next/,
  )
  assert.equal(await settled(', version: main/next, update: true'), '2')
  remote('git branch -m main/next main')
  assert.equal(await settled(', version: main, update: true'), '2')
  remote('git tag -d v1; git tag v1/final main')
  assert.equal(await settled(', version: v1/final'), '2')
})

test('the default branch of the remote is followed when it gets another name', async () => {
  fresh()
  await settled(', update: true')
  remote('git branch -m main trunk; echo trunk >f; git commit -qam trunk')
  assert.equal(await settled(', update: true'), 'trunk')
})

test('a commit that only HEAD holds is not left behind: the update fails and says so', async () => {
  fresh()
  await node.made(wish(', version: main, update: true'))
  local('git checkout -q --detach; echo mine >g; git add g; git commit -qm mine')
  const refused = await node.make(wish(', version: v1'))
  assert.match(refused.failed[0]?.reason ?? '', /has a commit that no branch or tag holds/)
  assert.equal(sh('cat /srv/code/g'), 'mine')
  local('git branch mine')
  assert.equal(await settled(', version: v1'), '1')
  node.sh('rm -rf /srv/code')
})

test('a remote whose branch was written anew is followed, time and again', async () => {
  fresh()
  await settled(', version: main, update: true')
  for (const text of ['a', 'b']) {
    remote(`git reset -q --hard v1; echo ${text} >f; git commit -qam ${text}`)
    assert.equal(await settled(', version: main, update: true'), text)
  }
  await node.made(nothing)
  assert.equal(there(), 'gone')
})

/** Serves /srv/web to one login, each answer after a moment in which the client can be looked at. */
const SERVER = String.raw`use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 8099, Listen => 20, ReuseAddr => 1) or die $@;
$SIG{CHLD} = 'IGNORE';
open my $file, '<', '/root/login'; chomp(my $login = <$file>);
while (my $client = $server->accept) {
  next if fork;
  my ($path) = <$client> =~ m{^GET /([^ ?]*)};
  my $known = 0;
  while (<$client>) { s/\r?\n//; last if $_ eq ''; $known = 1 if /^Authorization: Basic \Q$login\E$/i }
  select undef, undef, undef, 0.3;
  my ($code, $body) = $known ? (404, '') : (401, '');
  if ($known && -f "/srv/web/$path") { local $/; open my $in, '<:raw', "/srv/web/$path"; ($code, $body) = (200, <$in>) }
  my $more = $known ? '' : "WWW-Authenticate: Basic realm=\"x\"\r\n";
  print $client "HTTP/1.1 $code x\r\n\${more}Content-Length: " . length($body) . "\r\nConnection: close\r\n\r\n$body";
  exit;
}`.replaceAll('\\${', '${')
/** Notes the arguments of all processes until it is told to stop. */
const WATCHER = `touch /run/seen; while [ ! -e /run/stop ]; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -aoE 'git[- ]remote-http[^ ]*|git ls-remote|curl|[^ ]*hid[-]den[^ ]*' >>/run/seen; done; touch /run/stopped`

async function watched(act: () => Promise<unknown>): Promise<string[]> {
  sh(
    `rm -f /run/seen /run/stop /run/stopped; printf %s ${quote(WATCHER)} >/run/watcher; setsid sh /run/watcher >/dev/null 2>&1 </dev/null & until [ -e /run/seen ]; do sleep 0.1; done`,
  )
  await act()
  return sh(
    'touch /run/stop; until [ -e /run/stopped ]; do sleep 0.1; done; sort -u /run/seen; rm -f /run/seen',
  ).split('\n')
}

test('a login in an address of a checkout or a key is seen in no arguments of a process, in no file that others read, and works', async () => {
  fresh()
  const key = Buffer.from([0x99, 1, 2, 3]).toString('base64')
  sh(`set -e; mkdir -p /srv/web; cp -r /srv/remote/.git /srv/web/code.git; chown -R root: /srv/web; cd /srv/web/code.git; git config core.bare true; git update-server-info
printf ${key} | base64 -d >/srv/web/key
printf %s 'ann:hid-den' | base64 >/root/login; cat >/root/server <<'END'
${SERVER}
END
setsid perl /root/server >/root/said 2>&1 </dev/null & echo $! >/root/pid
until perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new("127.0.0.1:8099")'; do sleep 0.1; done`)
  const address = (login: string, path: string) => `http://${login}127.0.0.1:8099/${path}`
  const described = (login: string) =>
    graphOf(`resources:
  - {git_checkout: /srv/code, repo: '${address(login, 'code.git')}', user: daemon, update: true}
  - {apt_repository: 'deb [trusted=yes] http://127.0.0.1:9/x y z', key: '${address(login, 'key')}'}`)
  const graph = described('ann:hid-den@')
  const seen = await watched(async () => {
    await node.made(graph)
    assert.deepEqual((await node.made(graph)).did, [])
  })
  assert.ok(seen.includes('curl') && seen.includes('git ls-remote'), seen.join())
  assert.ok(
    seen.some((text) => /remote-http/.test(text)),
    seen.join(),
  )
  assert.deepEqual(
    seen.filter((text) => text.includes('hid-den')),
    [],
  )
  assert.equal(sh('cat /srv/code/f'), '2')
  assert.equal(sh('cd /srv/code; find . -perm /044 -type f -exec grep -l hid-den {} + || true'), '')
  assert.equal(sh('stat -c "%a %U" /srv/code/.git/devops-credential'), '600 daemon')
  // Its user goes on with it by hand.
  assert.equal(local('git fetch -q origin && echo fetched'), 'fetched')
  // As an earlier version left it.
  local(`git config remote.origin.url '${address('ann:hid-den@', 'code.git')}'; rm .git/devops-credential`)
  await node.made(graph)
  assert.equal(local('git config remote.origin.url'), address('', 'code.git'))
  assert.deepEqual((await node.made(graph)).did, [])
  await node.made(nothing)
  assert.equal(there(), 'gone')
  sh('kill $(cat /root/pid)')
})
