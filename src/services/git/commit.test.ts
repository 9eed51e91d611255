import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isProblem } from '#kit/problem.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { until } from '#testing/until.ts'
import {
  assertNothingLeft,
  assertWhole,
  type Fixture,
  node,
  open,
  pushes,
  startFixture,
} from './testing/fixture.ts'
import { make, repo } from './testing/made.ts'

failOnLeaks()

const web = { path: 'nodes/web.yml', content: node('web') }
const refused = (code: Parameters<typeof isProblem>[1], says: RegExp) => (error: unknown) => {
  assert.ok(isProblem(error, code), String(error))
  assert.match(JSON.stringify([error.message, error.data]), says)
  return true
}

async function assertNoDraft(fixture: Fixture): Promise<void> {
  assert.deepEqual(await readdir(join(fixture.folder, 'git/trash')), [])
}

test('a commit through the API is judged, planned, announced, and stands in a clone as a commit of its user', async () => {
  await using fixture = await startFixture()
  const first = await make(fixture, null, [web, { path: 'bin/x', content: 'AAH/', encoding: 'base64' }])
  assert.equal(first.branch, 'main')
  assert.match(first.answer.join('\n'), /\+ web {2}create/)
  assert.deepEqual(first.plan, [{ node: 'web', verdict: 'create', changes: [], as_of: null }])
  const second = await make(
    fixture,
    first.commit,
    [
      { path: 'nodes/db.yml', content: node('db') },
      { path: 'bin', delete: true },
      { path: 'scripts/a "b" é.sh', content: 'true\n', executable: true },
    ],
    { message: 'Two words\n\nand more' },
  )
  await until(() => pushes(fixture).length === 2)
  const { commit } = second
  assert.deepEqual(pushes(fixture)[1], {
    repo,
    branch: 'main',
    before: first.commit,
    after: commit,
    by: 'ann',
  })
  const work = await open(fixture)
  await work.must('pull', '-q', 'origin', 'main')
  assert.equal(
    await work.must('log', '-1', '--format=%H %an %cn %s%n%b'),
    `${commit} ann ann Two words\nand more`,
  )
  const files = await work.must('-c', 'core.quotePath=false', 'ls-files', '-s')
  assert.match(files, /100755 .*scripts\/a \\"b\\" é\.sh/)
  assert.doesNotMatch(files, /bin\/x/)
  await assertWhole(fixture)
  await assertNoDraft(fixture)
})

test('a commit with errors is refused with every finding, and leaves nothing', async () => {
  await using fixture = await startFixture()
  const bad = { path: 'nodes/web.yml', content: node('web').replace('server', 'servr') }
  const worse = { path: 'tasks/t.yml', content: 'id: [' }
  await assert.rejects(
    make(fixture, null, [bad, worse]),
    refused('refused', /nodes\/web\.yml:3:1 type.*tasks\/t\.yml:1:/),
  )
  await assertNothingLeft(fixture)
  await assertNoDraft(fixture)
  assert.deepEqual(pushes(fixture), [])
})

test('a commit on a branch that has moved is refused, and told where it is', async () => {
  await using fixture = await startFixture()
  const first = await make(fixture, null, [web])
  const second = await make(fixture, first.commit, [{ path: 'README', content: 'x' }])
  for (const parent of [first.commit, null])
    await assert.rejects(
      make(fixture, parent, [{ path: 'README', content: 'y' }]),
      refused('conflict', new RegExp(`main has moved: it is at ${second.commit}`)),
    )
})

test('of two commits at once on the same parent one gets in, the other is told that the branch moved', async () => {
  await using fixture = await startFixture()
  const { commit } = await make(fixture, null, [web])
  const edit = (content: string) => make(fixture, commit, [{ path: 'README', content }])
  const both = await Promise.allSettled([edit('a'), edit('b')])
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  const lost = both.find((one) => one.status === 'rejected')
  assert.ok(isProblem(lost?.reason, 'conflict'), String(lost?.reason))
})

test('a commit that would lose a server needs consent, as a push does', async () => {
  await using fixture = await startFixture()
  fixture.world.servers.add('ann/infra/web')
  const { commit } = await make(fixture, null, [web])
  const gone = [{ path: 'nodes/web.yml', delete: true as const }]
  await assert.rejects(
    make(fixture, commit, gone),
    refused(
      'conflict',
      /web: its descriptor is gone.*`destroy`.*"losses":\{"destroy":\["web"\],"replace":\[\]\}/,
    ),
  )
  await make(fixture, commit, gone, { destroy: ['web'] })
})

test('a dry run gives the answer and the plan, and changes nothing', async () => {
  await using fixture = await startFixture()
  const dry = await make(fixture, null, [web], { dry_run: true })
  assert.equal(dry.commit, null)
  assert.equal(dry.plan?.[0]?.verdict, 'create')
  await assertNothingLeft(fixture)
})

test('a commit on another branch is stored, not applied; a new branch begins at any commit', async () => {
  await using fixture = await startFixture()
  const { commit } = await make(fixture, null, [web])
  const idea = await make(fixture, commit, [{ path: 'nodes/web.yml', content: 'id: [' }], { branch: 'idea' })
  assert.deepEqual([idea.branch, idea.plan], ['idea', null])
  assert.match(idea.answer.join('\n'), /Branch idea is stored, not applied/)
  assert.deepEqual(await fixture.bus.ask('git.branches', { repo }), [
    { branch: 'idea', commit: idea.commit, active: false },
    { branch: 'main', commit, active: true },
  ])
  assert.equal(pushes(fixture).length, 1)
})

test('changes that do not fit what is there are refused with a reason', async () => {
  await using fixture = await startFixture()
  const { commit } = await make(fixture, null, [web, { path: 'docs/a.md', content: 'a' }])
  const cases = [
    [{ path: 'docs/a.md', content: 'a' }, /leave every file as it is/],
    [{ path: 'docs', content: 'x' }, /is a folder/],
    [{ path: 'docs/a.md/b', content: 'x' }, /"docs\/a\.md\\*" is no folder/],
    [{ path: 'nowhere', delete: true as const }, /is not there/],
  ] as const
  for (const [change, says] of cases)
    await assert.rejects(make(fixture, commit, [change]), refused('invalid', says))
  await assert.rejects(
    make(fixture, commit, [{ path: 'new', content: 'x' }], { branch: '-x' }),
    refused('invalid', /begins with -/),
  )
})
