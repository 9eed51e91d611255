import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Work } from '#contracts/tasker.ts'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { server, watch } from '#testing/story.ts'
import { ensureProgram } from '#tools/setup/index.ts'
import { playbook, resourceCount, service } from './resources.ts'

const run = promisify(execFile)
const repeats = 5

/** A sync with nothing to do, ours beside Ansible's, on the same servers in the same run. */
export async function converge(): Promise<void> {
  await ensureProgram('ansible-playbook', 'ansible')
  await using plane = await startPlane()
  const ann = await plane.person('ann')
  const clone = await ann.repository('bench')
  for (const size of [1, 10]) await measure(size, plane, ann, clone)
}

async function measure(size: number, plane: Plane, ann: Person, clone: Clone): Promise<void> {
  const see = watch(ann, clone.repo, plane)
  const ids = Array.from({ length: size }, (_, i) => `n${i + 1}`)
  const files = ids.map((id) => [`nodes/${id}.yml`, server(id, "services:\n  bench: '*'\n")])
  clone.write({ 'services/bench/service.yml': service, ...Object.fromEntries(files) })
  const pushed = await clone.push(`${size} nodes`)
  if (pushed.code !== 0) throw new Error(pushed.text)
  for (const id of ids) await see.synced(id)
  const hosts = (await see.nodes()).map(({ server }) => server?.host ?? '')

  const ours: number[] = []
  for (let i = 0; i < repeats; i++) ours.push(await syncAll(ann, clone.repo))
  const ansible = await prepareAnsible(plane, ann, hosts)
  await ansible()
  const theirs: number[] = []
  // Minutes each on a small machine: what a run more would tell is not worth them.
  for (let i = 0; i < (size === 1 ? 3 : 1); i++) theirs.push(await timed(ansible))

  const ratio = median(theirs) / median(ours)
  console.log(
    `nothing to do, ${size} node${size === 1 ? '' : 's'} with ${resourceCount} resources (ours: plus the base layer):`,
  )
  console.log(`  devo.ps   median ${format(median(ours))}  (${ours.map(format).join(', ')})`)
  console.log(`  Ansible   median ${format(median(theirs))}  (${theirs.map(format).join(', ')})`)
  console.log(`  ratio     ${ratio.toFixed(1)}`)
}

/** From the request to the end of the last sync, as a user waits for it. */
async function syncAll(ann: Person, repo: string): Promise<number> {
  return timed(async () => {
    const works = await ann.api<Work[]>('POST', `/v1/repos/${repo}/sync`)
    await Promise.all(works.map(({ id }) => ended(ann, repo, id)))
  })
}

async function ended(ann: Person, repo: string, work: string): Promise<void> {
  for (;;) {
    const { state, error } = await ann.api<Work>('GET', `/v1/repos/${repo}/works/${work}`)
    if (state === 'succeeded' || state === 'superseded') return
    if (state !== 'waiting' && state !== 'running') throw new Error(`sync ${state}: ${error}`)
    await new Promise((done) => setTimeout(done, 5))
  }
}

async function prepareAnsible(plane: Plane, ann: Person, hosts: string[]): Promise<() => Promise<void>> {
  const folder = join(plane.data, 'ansible')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'inventory'), `${hosts.join('\n')}\n`)
  writeFileSync(join(folder, 'site.yml'), playbook)
  writeFileSync(
    join(folder, 'ansible.cfg'),
    `[defaults]
inventory = inventory
remote_user = devops
private_key_file = ${ann.keyFile}
host_key_checking = false
forks = 50
interpreter_python = /usr/bin/python3
[ssh_connection]
pipelining = true
control_path_dir = ${join(folder, 'cp')}
ssh_args = -C -o ControlMaster=auto -o ControlPersist=10m -o UserKnownHostsFile=/dev/null
`,
  )
  await bringPython(ann, hosts)
  return async () => {
    await run('ansible-playbook', ['site.yml'], { cwd: folder, maxBuffer: 64 * 1024 * 1024 })
  }
}

/** Ansible needs Python on the nodes; we do not. */
async function bringPython(ann: Person, hosts: string[]): Promise<void> {
  const options = ['-i', ann.keyFile, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null']
  const install =
    'sudo apt-get update -q && sudo apt-get install -qy --no-install-recommends python3 python3-apt'
  for (const host of hosts) await run('ssh', [...options, `devops@${host}`, install])
}

async function timed(act: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await act()
  return performance.now() - started
}

const median = (figures: number[]): number =>
  [...figures].sort((a, b) => a - b)[Math.floor(figures.length / 2)] ?? 0
const format = (ms: number): string => (ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(2)} s`)
