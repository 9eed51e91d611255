import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'
import type { Run } from '#contracts/tasker.ts'
import { formerVersions, openFormer } from '#testing/former-program.ts'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { onServer, server, type Watch, watch } from '#testing/story.ts'

/**
 * A platform of a former version is killed with work under way, and the code of this checkout is started on its data
 * folder.
 */
const SECRET = 'correct horse battery staple'
const CRON = '0 3 1 1 *'

const task = (id: string, line: string, more = '') =>
  `id: ${id}\nname: ${id}\ntype: task\ntargets: [one]\n${more}steps:\n  - run: ${JSON.stringify(line)}\n`

const long =
  'echo long begins; echo x >> /tmp/long; while ! test -e /tmp/go; do sleep 0.1; done; echo long ends'

interface Scene {
  plane: Plane
  ann: Person
  clone: Clone
  see: Watch
  path: string
  hasSecrets: boolean
}

suite('upgrade', { concurrency: true }, async () => {
  for (const version of await formerVersions())
    test(`a data folder of ${version} with work under way goes on, and loses and repeats nothing`, async (t) => {
      using former = await openFormer(version)
      await using plane = await startPlane([], undefined, false, former.program)
      const ann = await plane.person('ann')
      const clone = await ann.repository('shop')
      const path = `/v1/repos/${clone.repo}`
      const hasSecrets = version !== '0fce87c'
      const scene: Scene = { plane, ann, clone, see: watch(ann, clone.repo, plane), path, hasSecrets }
      const before = await begin(scene)
      await plane.kill()
      await plane.restart()
      await goesOn(scene, before)
      await isThere(scene, before)
      await takesPush(scene)
      t.diagnostic(await syncs(scene))
    })
})

interface Before {
  container: string
  variables: unknown[]
  secrets: unknown[]
  lines: string[]
}

const start = async ({ ann, path }: Scene, task: string) =>
  (await ann.api<{ id: string }>('POST', `${path}/tasks/${task}/runs`, {})).id

/** A step that runs, a run behind it, a cron, values and lines. */
async function begin(scene: Scene): Promise<Before> {
  const { ann, clone, see, path, hasSecrets } = scene
  clone.write({
    'nodes/one.yml': server('one'),
    'tasks/long.yml': task('long', long),
    'tasks/queued.yml': task('queued', 'echo x >> /tmp/queued'),
    'tasks/nightly.yml': task('nightly', 'true', `triggers:\n  crons: ['${CRON}']\n`),
  })
  const pushed = await clone.push('start')
  assert.equal(pushed.code, 0, pushed.text)
  await see.synced('one')
  await ann.api('PUT', `${path}/variables`, { scope: 'repo', name: 'colour', value: 'blue' })
  if (hasSecrets) await ann.api('PUT', `${path}/secrets/token`, { value: SECRET })
  await see.idle()
  const container = (await see.node('one')).server?.id ?? ''
  await start(scene, 'long')
  await see.eventually('the step of long runs', async () =>
    (await onServer(container, 'cat /tmp/long 2>/dev/null || true')).includes('x'),
  )
  await start(scene, 'queued')
  await see.eventually('the first line of the step is there', async () =>
    (await texts(see)).includes('long begins'),
  )
  return {
    container,
    variables: await ann.api<unknown[]>('GET', `${path}/variables`),
    secrets: hasSecrets ? await ann.api<unknown[]>('GET', `${path}/secrets`) : [],
    lines: await texts(see),
  }
}

const texts = async (see: Watch) => (await see.logs('')).map(({ text }) => text)

async function goesOn({ see }: Scene, { container }: Before): Promise<void> {
  const state = async (task: string) => (await see.runs(task)).map(({ state }: Run) => state)
  assert.deepEqual(await state('long'), ['running'])
  assert.deepEqual(await state('queued'), ['waiting'])
  await onServer(container, 'touch /tmp/go')
  await see.ended('long')
  await see.ended('queued')
  assert.deepEqual(await state('long'), ['succeeded'])
  assert.deepEqual(await state('queued'), ['succeeded'])
  assert.equal(await onServer(container, 'cat /tmp/long /tmp/queued'), 'x\nx\n', 'each step ran once')
  const lines = await texts(see)
  for (const line of ['long begins', 'long ends'])
    assert.equal(lines.filter((text) => text === line).length, 1, line)
  await see.idle()
}

async function isThere({ ann, path, see, hasSecrets }: Scene, before: Before): Promise<void> {
  const now = await ann.api<object[]>('GET', `${path}/variables`)
  now.forEach((variable, n) => {
    assert.deepEqual(pick(variable, before.variables[n]), before.variables[n])
  })
  assert.equal(now.length, before.variables.length)
  if (hasSecrets) assert.deepEqual(await ann.api('GET', `${path}/secrets`), before.secrets)
  const lines = new Set(await texts(see))
  assert.deepEqual(
    before.lines.filter((line) => !lines.has(line)),
    [],
  )
  const crons = await see.eventually('the cron of a task that nobody changed is armed', async () => {
    const found = await ann.api<{ task: string; cron: string }[]>('GET', `${path}/crons`)
    return found.length > 0 && found
  })
  assert.deepEqual(
    crons.map(({ task, cron }) => [task, cron]),
    [['nightly', CRON]],
  )
}

/** Keys that came with a later version are not compared. */
const pick = (now: object, before: unknown) =>
  Object.fromEntries(Object.entries(now).filter(([key]) => key in Object(before)))

/** The user's SSH key opens the repository, and values open for a step. */
async function takesPush(scene: Scene): Promise<void> {
  const { clone, see, hasSecrets } = scene
  const secret = hasSecrets ? '{{ secrets.token }}' : SECRET
  clone.write({ 'tasks/after.yml': task('after', `printf '%s' "{{ vars.colour }} ${secret}" | sha256sum`) })
  const pushed = await clone.push('after the upgrade')
  assert.equal(pushed.code, 0, pushed.text)
  await start(scene, 'after')
  const [run] = await see.ended('after')
  assert.equal(run?.state, 'succeeded', JSON.stringify(run))
  const digest = createHash('sha256').update(`blue ${SECRET}`).digest('hex')
  assert.ok(
    (await texts(see)).some((text) => text.startsWith(digest)),
    'the step had both values',
  )
}

/** The first sync may bring what is new in this version; the second has nothing to do. Returns what the first did. */
async function syncs({ ann, path, see }: Scene): Promise<string> {
  const ends = async () =>
    (await texts(see)).filter((text) => /^sync of one .*succeeded|^sync .*succeeded/.test(text))
  const sync = async () => {
    const count = (await ends()).length
    await ann.api('POST', `${path}/sync`)
    await see.eventually('a sync more has succeeded', async () => (await ends()).length > count)
    await see.idle()
    return (await ends()).at(-1) ?? ''
  }
  const first = await sync()
  assert.match(await sync(), /nothing to do/)
  return first
}
