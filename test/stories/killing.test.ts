import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { seededChance } from '#testing/chance.ts'
import { startPlane } from '#testing/plane.ts'
import { onServer, server, watch } from '#testing/story.ts'

/**
 * The platform is killed at random moments while pushes, syncs and runs go on. `SEED=… ROUNDS=…` repeats a series.
 * Each step of the task counts its own executions on the node, by run and step.
 */
const seed = Number(process.env.SEED ?? randomInt(2 ** 31))
const rounds = Number(process.env.ROUNDS ?? 20)

test(`${rounds} kills (SEED=${seed}): what was acknowledged survives, everything ends, no step runs twice`, {
  timeout: 900_000,
}, async (t) => {
  const chance = seededChance(seed)
  await using plane = await startPlane()
  const ann = await plane.person('ann')
  const clone = await ann.repository('hard')
  const see = watch(ann, clone.repo, plane)
  clone.write({
    'nodes/one.yml': server('one'),
    'nodes/two.yml': server('two'),
    'services/note/service.yml':
      'id: note\ntitle: Note\noptions:\n  text: {type: string, required: true}\nresources:\n  - file: /etc/note\n    content: "{{ note.text }}\\n"\n',
    'tasks/count.yml': `id: count
name: Count
type: task
targets: [one, two]
steps:
  - run: echo {{ run.id }} 0 >> /tmp/count; sleep 0.2
  - run: echo {{ run.id }} 1 >> /tmp/count; sleep 0.2
`,
  })
  assert.equal((await clone.push('start')).code, 0)
  const one = await see.synced('one')
  const two = await see.synced('two')

  const acknowledgedRuns: string[] = []
  let acknowledgedText = ''
  for (let round = 1; round <= rounds; round++) {
    const delay = Math.floor(chance() * 2500)
    t.diagnostic(`round ${round}: killed after ${delay} ms`)
    const text = `round-${round}`
    const note = (id: string) =>
      server(id, `services:\n  note: '*'\nconfiguration:\n  note:\n    text: ${text}\n`)
    clone.write({ 'nodes/one.yml': note('one'), 'nodes/two.yml': note('two') })
    const traffic = Promise.all([
      clone.push(text).then(({ code }) => {
        if (code === 0) acknowledgedText = text
      }),
      ann
        .api<{ id: string }>('POST', `/v1/repos/${clone.repo}/tasks/count/runs`, {})
        .then(({ id }) => acknowledgedRuns.push(id))
        .catch(() => 'not acknowledged'),
      ann.api('POST', `/v1/repos/${clone.repo}/sync`).catch(() => 'not acknowledged'),
    ])
    await new Promise((done) => setTimeout(done, delay))
    await plane.kill()
    await traffic
    await plane.restart()
  }

  await see.idle()
  const pushed = await see.eventually('the tip on the platform', async () => {
    const { commit } = await ann.api<{ commit: string }>('GET', `/v1/repos/${clone.repo}`)
    return commit
  })
  await clone.git('fetch', '-q', 'origin')
  const tip = (await clone.git('show', `${pushed}:nodes/one.yml`)).text
  const wished = /text: (\S+)/.exec(tip)?.[1] ?? ''
  for (const { server: made } of [one, two]) {
    const container = made?.id ?? ''
    assert.equal(await onServer(container, 'cat /etc/note'), `${wished}\n`)
    const counted = (await onServer(container, 'sort /tmp/count | uniq -d')).trim()
    assert.equal(counted, '', 'a step ran twice')
  }
  assert.ok(Number(wished.slice(6)) >= Number(acknowledgedText.slice(6)), 'an acknowledged push was lost')
  const runs = new Map(
    (
      await ann.api<{ id: string; state: string; steps: { state: string }[] }[]>(
        'GET',
        `/v1/repos/${clone.repo}/runs?limit=1000`,
      )
    ).map((run) => [run.id, run]),
  )
  for (const id of acknowledgedRuns) assert.ok(runs.has(id), `run ${id} was acknowledged and is lost`)
  for (const run of runs.values()) assert.ok(['succeeded', 'failed'].includes(run.state), JSON.stringify(run))
  t.diagnostic(
    `${runs.size} runs: ${[...runs.values()].filter(({ state }) => state === 'succeeded').length} succeeded; last acknowledged push: ${acknowledgedText}`,
  )
})
