import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import type { Run } from '#contracts/tasker.ts'
import { type Scene, sceneOf, taskText } from '#testing/former-data.ts'
import { formerVersions } from '#testing/former-program.ts'
import { openPerson, type Person, request } from '#testing/person.ts'
import { openPlane, type Plane, removeServers } from '#testing/plane.ts'
import { onServer, type Watch, watch } from '#testing/story.ts'

const run = promisify(execFile)
const maker = resolve(import.meta.dirname, '../../tools/former-data.ts')

/**
 * A platform of a former version is killed with work under way, and the code of this checkout is started on its data
 * folder.
 */
interface Stage {
  plane: Plane
  ann: Person
  see: Watch
  path: string
  scene: Scene
}

suite('upgrade', { concurrency: true }, async () => {
  for (const version of await formerVersions())
    test(`a data folder of ${version} with work under way goes on, and loses and repeats nothing`, async (t) => {
      const data = await folderOf(t, version)
      const scene = sceneOf(data)
      await using plane = await openPlane(data)
      const ann = openPerson(plane, { ...scene, name: scene.user })
      const see = watch(ann, scene.repo, plane)
      const stage = { plane, ann, see, scene, path: `/v1/repos/${scene.repo}` }
      await goesOn(stage)
      await isThere(stage)
      await lettingIn(stage)
      await takesPush(stage)
      await isAudited(stage)
      t.diagnostic(await syncs(stage))
    })
})

/** Made as people make it, by hand. The server that it leaves goes even when nothing can be started on the folder. */
async function folderOf(t: TestContext, version: string): Promise<string> {
  const data = mkdtempSync(join(tmpdir(), 'devops-former-'))
  t.after(async () => {
    if (existsSync(join(data, 'plane'))) await removeServers(data)
    rmSync(data, { recursive: true, force: true })
  })
  await run(process.execPath, [maker, version, data])
  return data
}

const texts = async (see: Watch) => (await see.logs('')).map(({ text }) => text)

const start = async ({ ann, path }: Stage, task: string) =>
  (await ann.api<{ id: string }>('POST', `${path}/tasks/${task}/runs`, {})).id

async function goesOn({ see, scene: { container } }: Stage): Promise<void> {
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

async function isThere({ ann, path, see, scene }: Stage): Promise<void> {
  const same = async (address: string, before: readonly object[]) => {
    const now = await ann.api<object[]>('GET', address)
    assert.deepEqual(
      now.map((each, n) => pick(each, before[n])),
      before,
    )
  }
  await same(`${path}/variables`, scene.variables)
  if (scene.secrets) await same(`${path}/secrets`, scene.secrets.list)
  const lines = new Set(await texts(see))
  assert.deepEqual(
    scene.lines.filter((line) => !lines.has(line)),
    [],
  )
  const crons = await see.eventually('the cron of a task that nobody changed is armed', async () => {
    const found = await ann.api<{ task: string; cron: string }[]>('GET', `${path}/crons`)
    return found.length > 0 && found
  })
  assert.deepEqual(
    crons.map(({ task, cron }) => [task, cron]),
    [['nightly', scene.cron]],
  )
}

/** Keys that came with a later version are not compared. */
const pick = (now: object, before: unknown) =>
  Object.fromEntries(Object.entries(now).filter(([key]) => key in Object(before)))

/** The password signs in and another does not; what was signed in stays so; a token reaches as far as it did. */
async function lettingIn({ plane, ann, path, scene: { people, repo, tokens } }: Stage): Promise<void> {
  const now = await ann.api<{ id: string; scope: string; repo: string | null }[]>(
    'GET',
    '/v1/users/ann/tokens',
  )
  const known = new Map(now.map((token) => [token.id, token]))
  for (const { used_at: _, ...before } of tokens as { id: string; used_at: unknown }[])
    assert.deepEqual(pick(known.get(before.id) ?? {}, before), before)
  if (!people) return
  const login = (password: string) =>
    request(plane.url, '')<{ token: string }>('POST', '/v1/login', { user: 'ann', password, title: 'again' })
  const { token } = await login(people.password)
  await assert.rejects(login(`${people.password}!`), /401/)
  for (const signedIn of [token, people.session])
    await request(plane.url, signedIn)('PUT', `${path}/variables`, {
      scope: 'repo',
      name: 'signed',
      value: 1,
    })
  const reader = request(plane.url, people.reader)
  await reader('GET', `${path}/variables`)
  const change = { scope: 'repo', name: 'colour', value: 'red' }
  await assert.rejects(reader('PUT', `${path}/variables`, change), /403/)
  await ann.api('POST', '/v1/repos', { repo: 'other' })
  await assert.rejects(reader('GET', `/v1/repos/${ann.name}/other/variables`), /40[34]/)
  assert.deepEqual(
    now.filter(({ scope }) => scope === 'read').map((one) => one.repo),
    [repo],
  )
}

/** The user's SSH key opens the repository, and values open for a step. */
async function takesPush(stage: Stage): Promise<void> {
  const { ann, see, scene } = stage
  const value = 'correct horse battery staple'
  const secret = scene.secrets ? '{{ secrets.token }}' : value
  const clone = await ann.clone(scene.repo)
  clone.write({
    'tasks/after.yml': taskText('after', `printf '%s' "{{ vars.colour }} ${secret}" | sha256sum`),
  })
  const pushed = await clone.push('after the upgrade')
  assert.equal(pushed.code, 0, pushed.text)
  await start(stage, 'after')
  const [run] = await see.ended('after')
  assert.equal(run?.state, 'succeeded', JSON.stringify(run))
  const digest = createHash('sha256')
    .update(`blue ${scene.secrets?.value ?? value}`)
    .digest('hex')
  assert.ok(
    (await texts(see)).some((text) => text.startsWith(digest)),
    'the step had both values',
  )
}

/** What the former version has written and what this one adds are one chain. */
async function isAudited({ plane, scene }: Stage): Promise<void> {
  const verdict = await plane.admin()<{ faults: unknown[]; entries: number }>('GET', '/v1/audit/verify')
  assert.deepEqual(verdict.faults, [])
  assert.ok(verdict.entries > 0)
  if (!scene.people) return
  const entries = await plane.admin()<{ action: string; at: number }[]>('GET', '/v1/audit?limit=1000')
  assert.ok(
    entries.some(({ action }) => action === 'setPassword'),
    'what was done before the upgrade is in it',
  )
}

/** The first sync may bring what is new in this version; the second has nothing to do. Returns what the first did. */
async function syncs({ ann, path, see }: Stage): Promise<string> {
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
