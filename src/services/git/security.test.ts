import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { access, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isProblem } from '#kit/problem.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { createGit, GitFailed } from './git.ts'
import { defaultLimits } from './limits.ts'
import type { Work } from './testing/client.ts'
import {
  assertNothingLeft,
  assertWhole,
  type Fixture,
  node,
  open,
  sshUrl,
  startFixture,
} from './testing/fixture.ts'
import { make, repo } from './testing/made.ts'

failOnLeaks()

const exec = (fixture: Fixture, work: Work, ...args: string[]) => {
  const [command = '', ...own] = (work.client.env.GIT_SSH_COMMAND ?? '').split(' ')
  return work.client.run(command, [...own, '-p', String(fixture.ssh.port), ...args])
}

const create = (fixture: Fixture, repo: string) =>
  fixture.bus.ask('git.create_repository', { repo, by: 'ann' }).then(
    () => 'made',
    (error: unknown) => (isProblem(error) ? error.code : String(error)),
  )

/** A commit whose tree holds what no git client would put there. */
async function forge(work: Work, entries: string): Promise<string> {
  const tree = await work.client.run('sh', ['-c', `printf '${entries}' | git mktree --missing`], work.folder)
  assert.equal(tree.code, 0, tree.said)
  return work.must('commit-tree', '-m', 'forged', tree.said.trim())
}

test('1: names that lead elsewhere, and twins of names, make no repository', async () => {
  await using fixture = await startFixture()
  const bad = [
    '../x',
    'ann/../x',
    'ann/.git',
    '.git/x',
    'ann/x\0y',
    'ann/x/y',
    '-ann/x',
    'ann/-x',
    'ann/',
    '/x',
    'ann/x.git',
    '',
  ]
  for (const repo of bad) assert.equal(await create(fixture, repo), 'invalid', repo)
  assert.equal(await create(fixture, 'ann/infra'), 'exists')
  assert.equal(await create(fixture, 'ann/Infra'), 'conflict')
  assert.equal(await create(fixture, 'Ann/other'), 'conflict')
  assert.deepEqual(await readdir(join(fixture.folder, 'git/repositories')), ['ann'])
  assert.deepEqual(await readdir(join(fixture.folder, 'git/repositories/ann')), ['infra.git'])
})

test('1: a folder that was made to lead out of the data folder is not followed', async () => {
  await using fixture = await startFixture()
  await fixture.bus.ask('git.create_repository', { repo: 'ann/away', by: 'ann' })
  const work = await open(fixture)
  const path = join(fixture.folder, 'git/repositories/ann/away.git')
  await work.client.run('rm', ['-rf', path])
  await symlink(fixture.bare, path)
  const told = await work.git('ls-remote', sshUrl(fixture, 'ann/away'))
  assert.notEqual(told.code, 0)
  assert.match(told.said, /leads out of the data folder/)
})

test('1, 2: branches that begin with - or are twins by case, and refs of other kinds, are refused', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  for (const ref of [
    'refs/heads/-x',
    'refs/heads/a/-b',
    'refs/tags/-x',
    'refs/pull/1/head',
    'refs/notes/x',
    'refs/heads/a$(id)',
    'refs/heads/HEAD',
    'refs/heads/Head',
    'refs/heads/refs/heads/main',
    'refs/tags/HEAD',
    'refs/tags/refs/x',
  ]) {
    const told = await work.git('push', 'origin', `HEAD:${ref}`)
    assert.notEqual(told.code, 0, ref)
    assert.match(told.said, /remote: Refused:/, ref)
  }
  const twins = await work.git('push', 'origin', 'HEAD:refs/heads/topic', 'HEAD:refs/heads/Topic')
  assert.match(twins.said, /Topic differs from the branch topic|topic differs from the branch Topic/)
  await assertNothingLeft(fixture)
})

test('2, 3: commands other than the three of git, or with more or other arguments, do not run', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const commands = [
    'id',
    'git-upload-pack --strict ann/infra',
    "git-upload-pack '--help'",
    "git-upload-pack '-x/infra'",
    "git-upload-pack '../ann/infra.git'",
    "git-upload-pack '/ann/../ann/infra.git'",
    "git-upload-pack 'ann/infra.git' --timeout=1",
    "git-upload-pack 'ann/infra.git'; id",
    "git-upload-pack 'ann/infra.git'\nid",
    'git-upload-pack $(id)',
    "git-lfs-authenticate 'ann/infra.git' upload",
    'git-shell',
    "git config --list 'ann/infra'",
    "GIT_TRACE=1 git-upload-pack 'ann/infra'",
    "env git-upload-pack 'ann/infra'",
  ]
  for (const command of commands) {
    const told = await exec(fixture, work, 'git@127.0.0.1', command)
    assert.equal(told.code, 1, command)
    assert.match(told.said, /There is no shell here/, command)
    assert.doesNotMatch(told.said, /uid=/)
  }
})

test('3: environment, subsystems and forwarding are refused', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const traced = await exec(
    fixture,
    work,
    '-o',
    'SetEnv=GIT_TRACE=2',
    'git@127.0.0.1',
    "git-upload-archive 'ann/infra'",
  )
  assert.doesNotMatch(traced.said, /trace: /)
  const traced2 = await work.client.run('git', ['ls-remote', sshUrl(fixture)], work.folder, {
    GIT_SSH_COMMAND: `${work.client.env.GIT_SSH_COMMAND} -o SetEnv=GIT_TRACE=2`,
  })
  assert.equal(traced2.code, 0)
  assert.doesNotMatch(traced2.said, /trace: /)
  const forward = await exec(fixture, work, '-W', `127.0.0.1:${fixture.http.port}`, 'git@127.0.0.1')
  assert.notEqual(forward.code, 0)
  assert.match(forward.said, /administratively prohibited/)
  const back = await exec(
    fixture,
    work,
    '-o',
    'ExitOnForwardFailure=yes',
    '-R',
    '0:127.0.0.1:22',
    'git@127.0.0.1',
  )
  assert.match(back.said, /remote port forwarding failed|forwarding failed/)
  const sftp = await exec(fixture, work, '-s', 'git@127.0.0.1', 'sftp')
  assert.notEqual(sftp.code, 0)
})

test('4: trees and modules that would harm a clone are refused', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ hostile: '[submodule "x"]\n\tpath = x\n\turl = -u./payload\n' })
  const blob = await work.must('rev-parse', 'HEAD:hostile')
  for (const entries of [
    `100644 blob ${blob}\\t.GIT\\n`,
    `100644 blob ${blob}\\t.gitmodules\\n`,
    `100644 blob ${blob}\\tgit~1\\n`,
  ]) {
    const commit = await forge(work, entries)
    const told = await work.git('push', 'origin', `${commit}:refs/heads/main`)
    assert.notEqual(told.code, 0, entries)
    assert.match(told.said, /fsck|hasDotgit|gitmodules/i)
  }
  await work.commit({ hostile: '[submodule "x"\n\tpath = = x\n' })
  const broken = await work.must('rev-parse', 'HEAD:hostile')
  const unparsable = await forge(work, `100644 blob ${broken}\\t.gitmodules\\n`)
  const told = await work.git('push', 'origin', `${unparsable}:refs/heads/main`)
  assert.notEqual(told.code, 0)
  assert.match(told.said, /gitmodulesParse/)
  await assertNothingLeft(fixture)
})

test('5: links and submodules in place of descriptors are refused, links elsewhere are never followed', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  await symlink('/etc/passwd', join(work.folder, 'nodes/passwd.yml'))
  await work.commit({ 'scripts/a.sh': 'true' })
  const told = await work.git('push', 'origin', 'main')
  assert.notEqual(told.code, 0)
  assert.match(told.said, /nodes\/passwd\.yml:1:1 is a symbolic link/)
  await work.commit({ 'nodes/passwd.yml': null })
  await symlink('/etc/passwd', join(work.folder, 'passwd'))
  await work.commit({})
  await work.must('push', 'origin', 'main')
  await assert.rejects(fixture.bus.ask('git.file', { repo: 'ann/infra', path: 'passwd' }), (error) =>
    isProblem(error, 'invalid'),
  )
  const module = await forge(work, `160000 commit ${await work.must('rev-parse', 'HEAD')}\\tnodes\\n`)
  const refused = await work.git('push', '-f', 'origin', `${module}:refs/heads/main`)
  assert.match(refused.said, /nodes:1:1 is a submodule/)
})

test('6: the files of the repository itself cannot be read by path', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  await work.must('push', 'origin', 'main')
  const paths = [
    '.git/config',
    'config',
    'HEAD',
    '../infra.git/config',
    '/etc/passwd',
    'nodes/../config',
    'nodes',
    '--help',
    ':/',
    '*',
    '',
  ]
  for (const path of paths)
    await assert.rejects(
      fixture.bus.ask('git.file', { repo: 'ann/infra', path }),
      (error) => isProblem(error, 'not_found') || isProblem(error, 'invalid'),
      path,
    )
})

test('5: nothing is written or read through a committed link by the files API', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  await symlink('/etc', join(work.folder, 'out'))
  await symlink('nodes/web.yml', join(work.folder, 'near'))
  const tip = await work.commit({})
  await work.must('push', 'origin', 'main')
  const cases = [
    ['out/passwd', /"out" is a symbolic link: nothing is written through it/],
    ['near', /"near" is a symbolic link: delete it first/],
  ] as const
  for (const [path, says] of cases) {
    await assert.rejects(make(fixture, tip, [{ path, content: 'x' }]), says)
    for (const call of ['git.file', 'git.blame'] as const)
      await assert.rejects(
        fixture.bus.ask(call, { repo, path }),
        (error) => isProblem(error) && error.status < 500,
      )
  }
  await make(fixture, tip, [{ path: 'out', delete: true }])
})

test('2, 6: the files API writes no path of git itself, none that leads elsewhere or begins with -, and no odd branch', async () => {
  await using fixture = await startFixture()
  const { commit } = await make(fixture, null, [{ path: 'nodes/web.yml', content: node('web') }])
  const paths = [
    '.git/config',
    'a/.GIT/hooks/pre-receive',
    '../x',
    '/etc/passwd',
    'a//b',
    'a/./b',
    'a/',
    '-x',
    'a/--help',
  ]
  const hidden = ['git~1/config', '.g\u200cit/config', '.git /config', 'a\\b', 'a\nb', 'a\0b', 'a\u001bb']
  for (const path of [...paths, ...hidden])
    await assert.rejects(
      make(fixture, commit, [{ path, content: 'x' }]),
      (error) => isProblem(error, 'invalid'),
      JSON.stringify(path),
    )
  for (const branch of ['-x', '../x', 'a.lock', '.git', 'MAIN', 'a b', 'refs/../x'])
    await assert.rejects(
      make(fixture, commit, [{ path: 'x', content: 'x' }], { branch }),
      (error) => isProblem(error) && error.status < 500,
      branch,
    )
  const modules = { path: '.gitmodules', content: '[submodule "x"]\n\tpath = x\n\turl = -u./payload\n' }
  await assert.rejects(make(fixture, commit, [modules]), (error) => isProblem(error, 'invalid'))
  assert.deepEqual(
    (await fixture.bus.ask('git.branches', { repo })).map(({ branch }) => branch),
    ['main'],
  )
  assert.deepEqual(await readdir(join(fixture.folder, 'git/trash')), [])
})

test('7: no git of ours fetches from elsewhere, whatever an address says', async () => {
  await using fixture = await startFixture()
  const git = createGit({ home: fixture.folder, hooks: '/dev/null', limits: defaultLimits })
  const marker = join(fixture.folder, 'marker')
  const addresses = [
    `ext::sh -c "touch ${marker}"`,
    `file://${fixture.bare}`,
    'ssh://-oProxyCommand=id/x',
    '-u./payload',
    'https://127.0.0.1/x',
  ]
  for (const address of addresses)
    for (const args of [
      ['fetch', address],
      ['fetch', '--', address],
      ['ls-remote', '--', address],
    ])
      await assert.rejects(
        git.run(args, { at: fixture.bare }),
        (error) => error instanceof GitFailed,
        address,
      )
  await assert.rejects(access(marker))
  await assertWhole(fixture)
})

test('8: a commit through the API that is too big is refused, and nothing of it stays', async () => {
  await using fixture = await startFixture({ limits: { push: 50_000 } })
  const noise = { path: 'noise', content: randomBytes(100_000).toString('base64') }
  await assert.rejects(make(fixture, null, [noise]), /exceeds maximum allowed size/)
  await assertNothingLeft(fixture)
})

test('8: a push that is too big is refused, and nothing of it stays', async () => {
  await using fixture = await startFixture({ limits: { push: 50_000 } })
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web'), noise: randomBytes(100_000).toString('base64') })
  const told = await work.git('push', 'origin', 'main')
  assert.notEqual(told.code, 0)
  assert.match(told.said, /exceeds maximum allowed size/)
  await assertNothingLeft(fixture)
})

test('8: too many and too big descriptor files are refused before they are read', async () => {
  await using fixture = await startFixture({ limits: { files: 3, file: 2000, total: 5000 } })
  const work = await open(fixture)
  await work.commit({ 'scripts/big.sh': `# ${'x'.repeat(3000)}` })
  assert.match((await work.git('push', 'origin', 'main')).said, /scripts\/big\.sh:1:1 has 3002 bytes/)
  await work.commit({ 'scripts/big.sh': `# ${'x'.repeat(6000)}` })
  assert.match((await work.git('push', 'origin', 'main')).said, /6002 bytes in nodes, tasks/)
  await work.commit({
    'scripts/big.sh': null,
    ...Object.fromEntries(['a', 'b', 'c', 'd'].map((id) => [`nodes/${id}.yml`, node(id)])),
  })
  assert.match((await work.git('push', 'origin', 'main')).said, /4 files in nodes, tasks/)
  await assertNothingLeft(fixture)
})

test('8: a push that takes too long is ended', async () => {
  await using fixture = await startFixture({ limits: { plan: 1e9, time: 60_000 } })
  const work = await open(fixture)
  const asked = Promise.withResolvers<void>()
  fixture.world.plan = (_, signal) => {
    asked.resolve()
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('late'))))
  }
  await work.commit({ 'nodes/web.yml': node('web') })
  const push = work.git('push', 'origin', 'main')
  await asked.promise
  await fixture.clock.advance(60_000)
  assert.notEqual((await push).code, 0)
  await fixture.stop()
  await assertNothingLeft(fixture)
})

test('9: a push whose descriptors cannot be judged in time is refused, and nothing of it stays', async () => {
  await using fixture = await startFixture({ limits: { judge: 1 } })
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  const told = await work.git('push', 'origin', 'main')
  assert.notEqual(told.code, 0)
  assert.match(
    told.said,
    /Refused: The descriptors could not be judged: it took longer than 0\.001 s\. Nothing was changed/,
  )
  await assert.rejects(
    make(fixture, null, [{ path: 'nodes/web.yml', content: node('web') }]),
    /could not be judged/,
  )
  await assert.rejects(
    fixture.bus.ask('git.validate', {
      repo: 'ann/infra',
      files: [{ path: 'nodes/web.yml', content: node('web') }],
    }),
    (error) => isProblem(error, 'unjudged'),
  )
  await assertNothingLeft(fixture)
})
