import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { Run, Work } from '#contracts/tasker.ts'
import { seededChance } from '#testing/chance.ts'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { onServer, server, type Watch, watch } from '#testing/story.ts'

/**
 * The platform is killed, or told to end, at random moments while pushes, syncs, deliveries, crons and runs go on. `SEED=… ROUNDS=…` repeats a
 * series. Each step notes its own executions on the node, with their times, and what it says in the log.
 */
const seed = Number(process.env.SEED ?? randomInt(2 ** 31))
const rounds = Number(process.env.ROUNDS ?? 5)

/** Fails at its first try, then goes on. */
const flaky = 'test -e /tmp/tried-{{ run.id }} || ! touch /tmp/tried-{{ run.id }}'

const step = (id: string, more: string, line = 'sleep 0.1') => `  - id: ${id}
    ${more}
    run: |
      echo said {{ run.id }} ${id}
      began=$(date +%s%3N)
      ${line} && code=0 || code=1
      echo {{ run.id }} ${id} $began $(date +%s%3N) >> /tmp/count
      exit $code
`

const task = `id: count
name: Count
type: task
triggers:
  webhooks:
    - path: count
targets: [one, two]
steps:
${step('first', 'outputs: [run]', 'echo run={{ run.id }} >> "$DEVOPS_OUTPUT"')}${step(
  'flaky',
  'needs: [first]\n    retries: {count: 1, pause: 1s}',
  flaky,
)}${step('beside', 'needs: [first]')}${step(
  'last',
  'needs: [flaky, beside]',
  'test {{ steps.first.outputs.run }} = {{ run.id }}',
)}`
const stepIds = ['first', 'flaky', 'beside', 'last']

const tick = `id: tick
name: Tick
type: task
triggers:
  crons: ['* * * * *']
targets: [two]
steps:
  - run: 'true'
`

const note = `id: note
title: Note
options:
  text: {type: string, required: true}
resources:
  - file: /etc/note
    content: "{{ note.text }}\\n"
  - command: alone
    run: >-
      echo begin >>/var/tmp/applies; sleep 1; echo end >>/var/tmp/applies
`

const noted = (id: string, text: string) =>
  server(id, `services:\n  note: '*'\nconfiguration:\n  note:\n    text: ${text}\n`)

interface Scene {
  plane: Plane
  ann: Person
  clone: Clone
  see: Watch
  /** What was answered with a success. */
  acknowledged: { runs: string[]; text: string }
}

const NODES = ['one', 'two']
const SIGNALS = ['SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGINT'] as const

test(`${rounds} kills (SEED=${seed}): what was acknowledged survives, everything ends, no step runs twice`, {
  timeout: 300_000 + rounds * 30_000,
}, async (t) => {
  const chance = seededChance(seed)
  await using plane = await startPlane()
  const ann = await plane.person('ann')
  const clone = await ann.repository('hard')
  const see = watch(ann, clone.repo, plane)
  const scene: Scene = { plane, ann, clone, see, acknowledged: { runs: [], text: '' } }
  clone.write({ 'nodes/one.yml': server('one'), 'nodes/two.yml': server('two') })
  clone.write({ 'services/note/service.yml': note, 'tasks/count.yml': task, 'tasks/tick.yml': tick })
  const begun = await clone.push('start')
  assert.equal(begun.code, 0, begun.text)
  for (const node of NODES) await see.synced(node)

  for (let round = 1; round <= rounds; round++) {
    const delay = Math.floor(chance() * 2500)
    const hooked = chance() < 0.5
    const signal = SIGNALS[Math.floor(chance() * SIGNALS.length)] ?? 'SIGKILL'
    t.diagnostic(`round ${round}: ${signal} after ${delay} ms`)
    const traffic = makeTraffic(scene, `round-${round}`, hooked)
    await new Promise((done) => setTimeout(done, delay))
    await plane.kill(signal)
    await traffic
    await plane.restart()
  }

  clone.write({ 'tasks/tick.yml': null })
  const last = await clone.push('no more ticks')
  assert.equal(last.code, 0, last.text)
  await see.eventually('nothing waits or runs', async () => (await openWorks(scene)).length === 0, 900_000)
  await checkTip(scene)
  const runs = await checkRuns(scene)
  checkSlots(runs)
  const works = await ann.api<Work[]>('GET', `/v1/repos/${clone.repo}/works?limit=1000`)
  for (const node of NODES) {
    checkAlone(works, node)
    await checkApplies(scene, node)
    await checkSteps(scene, runs, node)
  }
  checkStore(plane)
  const count = (state: string) => runs.filter((run) => run.state === state).length
  t.diagnostic(
    `${runs.length} runs, ${scene.acknowledged.runs.length} acknowledged: ${count('succeeded')} succeeded, ${count('failed')} failed; last acknowledged push: ${scene.acknowledged.text}`,
  )
})

/** A push, a sync, and a run by hand or by webhook. */
async function makeTraffic(scene: Scene, text: string, hooked: boolean): Promise<void> {
  const { ann, clone, plane, acknowledged } = scene
  clone.write({ 'nodes/one.yml': noted('one', text), 'nodes/two.yml': noted('two', text) })
  const ignore = () => 'not acknowledged'
  await Promise.all([
    clone.push(text).then(({ code }) => {
      if (code === 0) acknowledged.text = text
    }),
    (hooked ? deliver(plane, clone.repo) : startRun(ann, clone.repo).catch(() => undefined)).then(
      (run) => run !== undefined && acknowledged.runs.push(run),
    ),
    ann.api('POST', `/v1/repos/${clone.repo}/sync`).catch(ignore),
  ])
}

async function startRun(ann: Person, repo: string): Promise<string> {
  const { id } = await ann.api<{ id: string }>('POST', `/v1/repos/${repo}/tasks/count/runs`, {})
  return id
}

/** The platform answers well or not at all. */
async function deliver(plane: Plane, repo: string): Promise<string | undefined> {
  try {
    const answer = await fetch(`${plane.url}/hooks/${repo}/count`, { method: 'POST', body: '{}' })
    const { run } = (await answer.json()) as { run?: string }
    assert.equal(answer.status, 202)
    return run
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error
    return undefined
  }
}

async function openWorks({ ann, clone }: Scene): Promise<Work[]> {
  const of = (state: string) =>
    ann.api<Work[]>('GET', `/v1/repos/${clone.repo}/works?limit=1000&state=${state}`)
  return [...(await of('waiting')), ...(await of('running'))]
}

/** I1, I8: the last push that was acknowledged, or one after it, is what the servers look like. */
async function checkTip({ ann, clone, see, acknowledged }: Scene): Promise<void> {
  const { commit } = await ann.api<{ commit: string }>('GET', `/v1/repos/${clone.repo}`)
  await clone.git('fetch', '-q', 'origin')
  const tip = (await clone.git('show', `${commit}:nodes/one.yml`)).text
  const wished = /text: (\S+)/.exec(tip)?.[1] ?? ''
  assert.ok(
    Number(wished.slice(6)) >= Number(acknowledged.text.slice(6)),
    `the tip says "${wished}", and "${acknowledged.text}" was acknowledged`,
  )
  for (const node of wished === '' ? [] : NODES) {
    const container = (await see.node(node)).server?.id ?? ''
    assert.equal(await onServer(container, 'cat /etc/note'), `${wished}\n`)
  }
}

/** I1, I5: runs that were acknowledged are there, and every run has ended with all of its steps. */
async function checkRuns({ ann, clone, acknowledged }: Scene): Promise<Run[]> {
  const runs = await ann.api<Run[]>('GET', `/v1/repos/${clone.repo}/runs?limit=1000`)
  const known = new Set(runs.map(({ id }) => id))
  for (const id of acknowledged.runs) assert.ok(known.has(id), `run ${id} was acknowledged and is lost`)
  for (const run of runs) {
    assert.ok(['succeeded', 'failed'].includes(run.state), JSON.stringify(run))
    // A step may be cut, and nobody knows how far it came, or while it is started; nothing else can go wrong here.
    if (run.state === 'failed')
      assert.match(run.error ?? '', /unknown|its start was cut/, JSON.stringify(run))
    for (const { state } of run.steps) assert.ok(state !== 'pending' && state !== 'running', state)
  }
  return runs
}

/** I1: a slot of a cron has one run. */
function checkSlots(runs: readonly Run[]): void {
  const slots = runs.flatMap(({ cause }) => (cause.kind === 'cron' ? [cause.detail] : []))
  assert.deepEqual(slots, [...new Set(slots)])
}

/** I4: works on one node follow each other. */
function checkAlone(works: readonly Work[], node: string): void {
  const begun = works.filter((work) => work.nodes.includes(node) && work.started_at !== null)
  // A sync that is tried again tells of its last try only, which is after the others.
  const inOrder = begun.toSorted((a, b) => (a.started_at ?? 0) - (b.started_at ?? 0))
  for (const [index, work] of inOrder.entries()) {
    const next = inOrder[index + 1]
    if (next)
      assert.ok((work.ended_at ?? 0) <= (next.started_at ?? 0), `${work.id} and ${next.id} met on ${node}`)
  }
}

/** I4: what an apply began has ended before the next began. */
async function checkApplies({ see }: Scene, node: string): Promise<void> {
  const container = (await see.node(node)).server?.id ?? ''
  const applies = await onServer(container, 'cat /var/tmp/applies 2>/dev/null || true')
  assert.match(applies, /^(begin\nend\n)*$/, `two applies were at work on ${node} at once`)
}

/** I3, I4, I6: each attempt ran once, while its run held the node, and what it said is in the log. */
async function checkSteps({ see }: Scene, runs: readonly Run[], node: string): Promise<void> {
  const container = (await see.node(node)).server?.id ?? ''
  const noted = (await onServer(container, 'cat /tmp/count 2>/dev/null || true')).trim().split('\n')
  const executions = noted.filter(Boolean).map((line) => line.split(' '))
  for (const run of runs) {
    if (run.task !== 'count') continue
    const said = (await see.logs(`work=${run.id}&node=${node}`)).map(({ text }) => text)
    for (const step of run.steps.filter((step) => step.node === node)) {
      const id = stepIds[step.step - 1] ?? ''
      const times = executions.filter(([of, name]) => of === run.id && name === id)
      const about = `step ${id} of run ${run.id} on ${node}: ${JSON.stringify(step)}`
      assert.ok(times.length <= step.attempt, `${times.length} executions of ${about}`)
      if (step.state !== 'success') continue
      assert.equal(times.length, step.attempt, `${times.length} executions of ${about}`)
      assert.ok(said.includes(`said ${run.id} ${id}`), `the log misses ${about}`)
      for (const [, , began, ended] of times) {
        assert.ok(Number(began) >= (run.started_at ?? 0) && Number(ended) <= (run.ended_at ?? 0), about)
      }
    }
  }
}

/** I5, I6: no lock outlives its holder, nothing is left in the queue, and the numbers of log lines have no gaps. */
function checkStore(plane: Plane): void {
  using store = new DatabaseSync(join(plane.data, 'devops.sqlite'), { readOnly: true })
  const one = (text: string) => Object.values(store.prepare(text).get() ?? {})[0]
  assert.equal(one('select count(*) from tasker_locks'), 0)
  assert.equal(one('select count(*) from tasker_queue'), 0)
  assert.equal(one('select count(*) - (max(seq) - min(seq) + 1) from logger_lines'), 0)
  assert.equal(one('select max(seq) - (select last from logger_sequence) from logger_lines'), 0)
}
