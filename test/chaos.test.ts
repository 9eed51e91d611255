import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import type { Run } from '#contracts/tasker.ts'
import { seededChance } from '#testing/chance.ts'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { type SmallDisk, smallDisk } from '#testing/small-disk.ts'
import { until } from '#testing/until.ts'

/**
 * Things happen to the platform at random moments while pushes, webhooks and settings come: it is killed or stopped, its disk
 * fills, its clock is set, another is started on its folder, a repository is deleted. No server is needed: the node is never
 * linked, and its runs wait. `ROUNDS=100 node --test test/chaos.test.ts` is the long series; `SEED=…` repeats one.
 */
const seed = Number(process.env.SEED ?? randomInt(2 ** 31))
const rounds = Number(process.env.ROUNDS ?? 6)

const program = resolve(import.meta.dirname, '../bin/devops.ts')
const node = 'id: one\nname: one\ntype: server\nprovider:\n  name: ssh\n'
const task = (text: string) => `id: hello
name: ${text}
type: task
triggers:
  webhooks:
    - path: hello
  crons: ['* * * * *']
targets: [one]
steps:
  - run: echo ${text}
`
const HOUR = 3_600_000

interface Scene {
  plane: Plane
  ann: Person
  clone: Clone
  disk: SmallDisk | undefined
  chance: () => number
  /** What was answered with a success. */
  kept: { commits: string[]; runs: string[]; deleted: string[]; lines: Map<number, string>; drift: number[] }
}

/** Something that happens; resolves when it is over and the platform runs as before. */
type Mishap = (scene: Scene, round: number) => Promise<void>

const mishaps: Record<string, Mishap> = {
  async killed({ plane }) {
    await plane.kill()
    await plane.restart()
  },
  async stopped({ plane }) {
    await plane.terminate()
    await plane.restart()
  },
  async 'without room'({ plane, disk, chance }) {
    if (!disk) return
    disk.fill()
    await pause(chance() * 1500)
    if (chance() < 0.5) {
      await plane.kill()
      // What the dead one had in hand cannot be written down before there is room: then the start waits.
      const back = plane.restart()
      await pause(chance() * 1500)
      disk.free()
      await back
    }
    disk.free()
    await until(async () => (await fetch(`${plane.url}/readyz`)).status === 200)
  },
  async 'of another time'({ plane, chance }) {
    for (const ahead of [HOUR, 24 * HOUR, -HOUR, -24 * HOUR].filter(() => chance() < 0.5)) {
      plane.setClock(ahead)
      await pause(100 + chance() * 400)
    }
    plane.setClock(0)
  },
  async 'started twice'({ plane }) {
    const args = ['server', '--data', plane.data, '--port', '0', '--ssh-port', '0', '--git-port', '0']
    const text = await new Promise<string>((done) =>
      execFile(process.execPath, [program, ...args], { timeout: 60_000 }, (error, _stdout, stderr) =>
        done(`${error?.code} ${stderr}`),
      ),
    )
    assert.match(text, new RegExp(`^1 .*is in use by (\`devops server\`: )?process ${plane.pid()}\\b`, 's'))
  },
  async 'short of a repository'({ plane, ann, kept }, round) {
    const other = await tried(() => ann.repository(`gone-${round}`))
    if (!other) return
    other.write({ 'nodes/one.yml': node, 'tasks/hello.yml': task('gone') })
    const [, deleted] = await Promise.all([
      other.push('there'),
      tried(async () => {
        await fetch(`${plane.url}/hooks/${other.repo}/hello`, { method: 'POST', body: '{}' })
        await ann.api('DELETE', `/v1/repos/${other.repo}`)
        return true
      }),
    ])
    if (deleted) kept.deleted.push(other.repo)
  },
}

test(`${rounds} mishaps (SEED=${seed}): what was acknowledged survives, and the platform is whole afterwards`, {
  timeout: 120_000 + rounds * 60_000,
}, async (t) => {
  const disk = smallDisk(scopeOf(t), '160m')
  await using plane = await startPlane([], disk?.folder, true)
  const ann = await plane.person('ann')
  const clone = await ann.repository('kept')
  clone.write({ 'nodes/one.yml': node, 'tasks/hello.yml': task('start') })
  const first = await clone.push('start')
  assert.equal(first.code, 0, first.text)
  const kept = { commits: [], runs: [], deleted: [], lines: new Map(), drift: [] }
  const scene: Scene = { plane, ann, clone, disk, chance: seededChance(seed), kept }
  const names = Object.keys(mishaps)
  const offset = Math.floor(scene.chance() * names.length)
  for (let round = 1; round <= rounds; round++) {
    // Each in its turn, so that a short series has one of every kind.
    const name = names[(offset + round) % names.length] as string
    const delay = scene.chance() * 1200
    t.diagnostic(`round ${round}: ${name} after ${Math.round(delay)} ms`)
    const traffic = makeTraffic(scene, round)
    await pause(delay)
    await mishaps[name]?.(scene, round)
    await traffic
  }
  await until(async () => (await fetch(`${plane.url}/readyz`)).status === 200)
  await check(scene)
  t.diagnostic(
    `${kept.commits.length} pushes, ${kept.runs.length} runs, ${kept.drift.length} settings, ${kept.deleted.length} deletions and ${kept.lines.size} log lines were acknowledged`,
  )
})

/** A disk that cannot be mounted here leaves out one kind of mishap. */
const scopeOf = (t: TestContext) => ({
  after: t.after.bind(t),
  skip: (why?: string) => t.diagnostic(`no disk is filled: ${why}`),
})

async function makeTraffic(scene: Scene, round: number): Promise<void> {
  await Promise.all([
    push(scene, round),
    ...[1, 2, 3].map(() => deliver(scene)),
    setDrift(scene, round),
    readLines(scene),
  ])
}

async function push({ clone, kept }: Scene, round: number): Promise<void> {
  clone.write({ 'tasks/hello.yml': task(`round-${round}`) })
  const { code } = await clone.push(`round ${round}`)
  const commit = (await clone.git('rev-parse', 'HEAD')).text.trim()
  if (code === 0) kept.commits.push(commit)
}

/** The platform answers well, says that it cannot, or does not answer at all. */
async function deliver({ plane, clone, kept }: Scene): Promise<void> {
  const answer = await tried(async () => {
    const response = await fetch(`${plane.url}/hooks/${clone.repo}/hello`, { method: 'POST', body: '{}' })
    return { status: response.status, body: (await response.json()) as { run?: string } }
  })
  if (!answer) return
  assert.ok([202, 429, 503].includes(answer.status), JSON.stringify(answer))
  if (answer.status === 202) kept.runs.push(answer.body.run ?? '')
}

async function setDrift({ ann, clone, kept }: Scene, round: number): Promise<void> {
  const done = await tried(() =>
    ann.api('PUT', `/v1/repos/${clone.repo}/settings`, { drift_interval: 1000 + round }),
  )
  if (done) kept.drift.push(1000 + round)
}

/** A line that was once shown is there for good, with its number. */
async function readLines({ ann, clone, kept }: Scene): Promise<void> {
  const found = await tried(() =>
    ann.api<{ lines: { seq: number; text: string }[] }>('GET', `/v1/repos/${clone.repo}/logs?limit=1000`),
  )
  for (const { seq, text } of found?.lines ?? []) kept.lines.set(seq, text)
}

async function check(scene: Scene): Promise<void> {
  const { ann, clone, kept, plane } = scene
  const repo = `/v1/repos/${clone.repo}`
  // I1, I2: every push that was acknowledged is in the history of the tip.
  await clone.git('fetch', '-q', 'origin', 'main:refs/remotes/origin/main')
  for (const commit of kept.commits) {
    const { code } = await clone.git('merge-base', '--is-ancestor', commit, 'origin/main')
    assert.equal(code, 0, `push ${commit} was acknowledged and is lost`)
  }
  const runs = await ann.api<Run[]>('GET', `${repo}/runs?limit=1000`)
  const known = new Set(runs.map(({ id }) => id))
  assert.deepEqual(
    kept.runs.filter((id) => !known.has(id)),
    [],
    'runs that were acknowledged and are lost',
  )
  // A slot of a cron has one run, wherever the clock went.
  const slots = runs.flatMap(({ cause }) => (cause.kind === 'cron' ? [cause.detail] : []))
  assert.deepEqual(slots, [...new Set(slots)])
  // The last setting that was acknowledged, or one after it whose answer was lost.
  const { drift_interval } = await ann.api<{ drift_interval: number }>('GET', `${repo}/settings`)
  assert.ok(drift_interval >= (kept.drift.at(-1) ?? 0), `${drift_interval}, ${kept.drift.at(-1)}`)
  const repos = (await ann.api<{ repo: string }[]>('GET', '/v1/repos')).map((one) => one.repo)
  assert.deepEqual(
    kept.deleted.filter((one) => repos.includes(one)),
    [],
  )
  // The last push is followed: what it says of its webhook is in force.
  await until(async () => {
    const answer = await fetch(`${plane.url}/hooks/${clone.repo}/hello`, { method: 'POST', body: '{}' })
    return answer.status === 202
  })
  const bare = readdirSync(join(plane.data, 'git'), { recursive: true, encoding: 'utf8' })
    .filter((path) => basename(path) === 'HEAD')
    .map((path) => join(plane.data, 'git', dirname(path)))
    .filter((folder) => existsSync(join(folder, 'objects')))
  assert.ok(bare.length > 0)
  for (const folder of bare) {
    const fsck = await clone.git('-C', folder, 'fsck', '--full')
    assert.equal(fsck.code, 0, `${folder}: ${fsck.text}`)
  }
  await checkStore(scene)
}

/** I6, and nothing sleeps: events are delivered, nothing is parked, and log lines have no gap and no other text. */
async function checkStore({ plane, kept }: Scene): Promise<void> {
  using store = new DatabaseSync(join(plane.data, 'devops.sqlite'), { readOnly: true })
  const one = (text: string) => Object.values(store.prepare(text).get() ?? {})[0]
  await until(() => one('select count(*) from bus_deliveries') === 0, 60_000)
  assert.equal(one("select count(*) from bus_jobs where state = 'parked'"), 0)
  assert.equal(one('pragma integrity_check'), 'ok')
  const line = store.prepare('select text from logger_lines where seq = ?')
  for (const [seq, text] of kept.lines) assert.equal(line.get(seq)?.text, text, `line ${seq}`)
  assert.equal(one('select count(*) - (max(seq) - min(seq) + 1) from logger_lines'), 0)
  assert.equal(one('select max(seq) - (select last from logger_sequence) from logger_lines'), 0)
}

const tried = <T>(act: () => Promise<T>): Promise<T | undefined> => act().catch(() => undefined)
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms))
