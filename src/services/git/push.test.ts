import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { failOnLeaks } from '#testing/leaks.ts'
import { until } from '#testing/until.ts'
import {
  assertNothingLeft,
  type Fixture,
  node,
  open,
  pushes,
  sshUrl,
  startFixture,
  task,
} from './testing/fixture.ts'

failOnLeaks()

const activeTip = async (fixture: Fixture) =>
  (await fixture.bus.ask('git.get_repository', { repo: 'ann/infra' })).commit

test('a good push is answered with the plan and announced, and a clone gets it back', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const commit = await work.commit({ 'nodes/web.yml': node('web'), 'tasks/look.yml': task('look', 'web') })
  const told = await work.git('push', 'origin', 'main')
  assert.equal(told.code, 0, told.said)
  assert.match(told.said, /remote: Plan:/)
  assert.match(told.said, /remote: {3}\+ web {2}create/)
  assert.match(told.said, /remote: {3}\+ look {2}starts by webhook look/)
  assert.match(told.said, /remote: Watch it: devops logs -f --repo=ann\/infra --node=web/)
  await until(() => pushes(fixture).length === 1)
  assert.deepEqual(pushes(fixture)[0], {
    repo: 'ann/infra',
    branch: 'main',
    before: null,
    after: commit,
    by: 'ann',
  })
  await work.client.run('git', ['clone', '-q', sshUrl(fixture), 'copy'])
  const copied = await work.client.run('git', ['rev-parse', 'HEAD'], join(work.client.folder, 'copy'))
  assert.equal(copied.said.trim(), commit)
})

test('what was acknowledged has been announced: the record is there when git push returns', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const commit = await work.commit({ 'nodes/web.yml': node('web') })
  await work.must('push', 'origin', 'main')
  assert.equal(await activeTip(fixture), commit)
})

test('a push with errors is refused, names all of them, and leaves nothing in the repository', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({
    'nodes/web.yml': node('web').replace('server', 'servr'),
    'tasks/t.yml': task('t', 'wbe'),
  })
  const told = await work.git('push', 'origin', 'main')
  assert.notEqual(told.code, 0)
  assert.match(told.said, /remote: nodes\/web\.yml:\d+:\d+ .*servr/)
  assert.match(told.said, /remote: tasks\/t\.yml:\d+:\d+ .*wbe/)
  assert.match(told.said, /Correct what is listed, commit and push again/)
  await assertNothingLeft(fixture)
  assert.equal(await activeTip(fixture), null)
  assert.deepEqual(pushes(fixture), [])
})

test('a push that uses a secret is refused until the secret is set, with what to type', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': `${node('web')}vars:\n  token: '{{ secrets.token }}'\n` })
  const refused = await work.git('push', 'origin', 'main')
  assert.notEqual(refused.code, 0)
  assert.match(refused.said, /unknown secret "token": set it first, with devops secret set token/)
  fixture.world.secrets.push('token')
  assert.equal((await work.git('push', 'origin', 'main')).code, 0)
})

test('a push to another branch is stored, not applied, whatever it holds', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': 'nonsense: [' })
  const told = await work.git('push', 'origin', 'HEAD:refs/heads/idea')
  assert.equal(told.code, 0, told.said)
  assert.match(told.said, /Branch idea is stored, not applied: the servers follow main/)
  assert.equal(await activeTip(fixture), null)
})

test('master is the active branch when it comes first', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const commit = await work.commit({ 'nodes/web.yml': node('web') })
  const told = await work.git('push', 'origin', 'HEAD:refs/heads/master')
  assert.match(told.said, /remote: Plan:/)
  const found = await fixture.bus.ask('git.get_repository', { repo: 'ann/infra' })
  assert.deepEqual([found.branch, found.commit], ['master', commit])
  await work.client.run('git', ['clone', '-q', sshUrl(fixture), 'copy'])
  const head = await work.client.run('git', ['branch', '--show-current'], join(work.client.folder, 'copy'))
  assert.equal(head.said.trim(), 'master')
})

test('the active branch cannot be deleted', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  await work.must('push', 'origin', 'main')
  const told = await work.git('push', 'origin', ':main')
  assert.notEqual(told.code, 0)
  assert.match(told.said, /servers follow: it cannot be deleted/)
})

test('without a plan a good push is accepted and says so', async () => {
  await using fixture = await startFixture()
  fixture.world.plan = async () => {
    throw new Error('no plan today')
  }
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  const told = await work.git('push', 'origin', 'main')
  assert.equal(told.code, 0, told.said)
  assert.match(told.said, /no plan could be had: .*no plan today/)
})

test('a plan that takes too long is not waited for', async () => {
  await using fixture = await startFixture()
  const asked = Promise.withResolvers<void>()
  fixture.world.plan = (_, signal) => {
    asked.resolve()
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('late'))))
  }
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  const push = work.git('push', 'origin', 'main')
  await asked.promise
  await fixture.clock.advance(5000)
  const told = await push
  assert.equal(told.code, 0, told.said)
  assert.match(told.said, /no plan could be had/)
})

test('a dry run shows the plan, says why it is refused, and changes nothing', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  const told = await work.git('push', '-o', 'dry-run', 'origin', 'main')
  assert.notEqual(told.code, 0)
  assert.match(told.said, /\+ web {2}create/)
  assert.match(told.said, /Refused because -o dry-run asked for it/)
  await assertNothingLeft(fixture)
})

test('a mistyped push option is refused: it must not deploy', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  const told = await work.git('push', '-o', 'dryrun', 'origin', 'main')
  assert.notEqual(told.code, 0)
  assert.match(told.said, /unknown push option "dryrun"; there are: dry-run/)
  await assertNothingLeft(fixture)
})

test('removing a node that has a server needs -o destroy, and the refusal says what to type', async () => {
  await using fixture = await startFixture()
  fixture.world.servers.add('ann/infra/web')
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web'), 'nodes/db.yml': node('db') })
  await work.must('push', 'origin', 'main')
  const commit = await work.commit({ 'nodes/web.yml': null, 'nodes/db.yml': null, 'tasks/.keep': '' })
  const refused = await work.git('push', 'origin', 'main')
  assert.notEqual(refused.code, 0)
  assert.match(
    refused.said,
    /web: its descriptor is gone, so its server and all data on it would be destroyed/,
  )
  assert.match(refused.said, /git push -o destroy=web\s*$/m)
  assert.doesNotMatch(refused.said, /db: its descriptor/)
  const slip = await work.git('push', '-o', 'destroy=wbe', 'origin', 'main')
  assert.notEqual(slip.code, 0)
  assert.match(slip.said, /-o destroy=wbe: there is no such node, did you mean web\?/)
  const nobody = await work.git('push', '-o', 'destroy=web', '-o', 'replace=mail', 'origin', 'main')
  assert.match(nobody.said, /-o replace=mail: there is no such node/)
  const accepted = await work.git('push', '-o', 'destroy=web', 'origin', 'main')
  assert.equal(accepted.code, 0, accepted.said)
  assert.equal(await activeTip(fixture), commit)
})

test('replacing a server needs -o replace', async () => {
  await using fixture = await startFixture()
  fixture.world.servers.add('ann/infra/web')
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  await work.must('push', 'origin', 'main')
  fixture.world.plan = async () => [{ node: 'web', verdict: 'replace', changes: [], as_of: 0 }]
  await work.commit({ 'nodes/web.yml': node('web', 'large') })
  const refused = await work.git('push', 'origin', 'main')
  assert.notEqual(refused.code, 0)
  assert.match(refused.said, /git push -o replace=web\s*$/m)
  const accepted = await work.git('push', '-o', 'replace=all', 'origin', 'main')
  assert.equal(accepted.code, 0, accepted.said)
})

test('another size needs consent too when no plan can tell whether the server is replaced', async () => {
  await using fixture = await startFixture()
  fixture.world.servers.add('ann/infra/web')
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  await work.must('push', 'origin', 'main')
  fixture.world.plan = async () => {
    throw new Error('no plan today')
  }
  await work.commit({ 'nodes/web.yml': node('web', 'large') })
  const refused = await work.git('push', 'origin', 'main')
  assert.notEqual(refused.code, 0)
  assert.match(refused.said, /-o replace=web/)
})

test('two pushes at once are judged one after the other, and the second is told that the branch moved', async () => {
  await using fixture = await startFixture()
  const one = await open(fixture)
  const other = await (await fixture.client('bob')).tree()
  await other.must('remote', 'add', 'origin', sshUrl(fixture))
  const commits = [
    await one.commit({ 'nodes/web.yml': node('web') }),
    await other.commit({ 'nodes/db.yml': node('db') }),
  ]
  let planning = 0
  let most = 0
  const go = Promise.withResolvers<void>()
  fixture.world.plan = async () => {
    most = Math.max(most, ++planning)
    await go.promise
    planning--
    return []
  }
  const both = [one.git('push', 'origin', 'main'), other.git('push', 'origin', 'main')]
  await until(() => planning === 1)
  go.resolve()
  const told = await Promise.all(both)
  const winner = told.findIndex((push) => push.code === 0)
  assert.deepEqual(told.map((push) => push.code === 0).sort(), [false, true])
  assert.match(told[1 - winner]?.said ?? '', /has moved meanwhile|fetch first|failed to update ref/)
  assert.equal(most, 1)
  assert.equal(await activeTip(fixture), commits[winner])
})

test('going back and forth announces each move once', async () => {
  await using fixture = await startFixture()
  const work = await open(fixture)
  const a = await work.commit({ 'nodes/web.yml': node('web') })
  const b = await work.commit({ 'nodes/db.yml': node('db') })
  for (const commit of [a, b, a, b]) await work.must('push', '-f', 'origin', `${commit}:refs/heads/main`)
  await until(() => pushes(fixture).length === 4)
  assert.deepEqual(
    pushes(fixture).map((push) => push.after),
    [a, b, a, b],
  )
})

test('control characters of a descriptor do not reach the terminal of who pushes', async () => {
  await using fixture = await startFixture()
  fixture.world.plan = async () => [
    {
      node: 'web',
      verdict: 'change',
      as_of: 0,
      changes: [{ resource: 'file:/x', verdict: 'change', summary: 'x\u001b[2Jy', diff: '-a\r\n+b' }],
    },
  ]
  const work = await open(fixture)
  await work.commit({ 'nodes/web.yml': node('web') })
  const told = await work.git('push', 'origin', 'main')
  assert.match(told.said, /x\\x1b\[2Jy/)
  assert.ok(!told.said.includes('\u001b[2J'))
})
