import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Ansible, bringAnsible, CAP, Capped, openAnsible } from './ansible.ts'
import { type Choice, choose, type Rival } from './choice.ts'
import { type Floor, openFloor } from './floor.ts'
import { type Figures, format, measure, measureInTurn, median, memory } from './meter.ts'
import { checks, install, resourceCount, rewrite, tree, undo } from './resources.ts'
import { type Scene, setScene } from './scene.ts'

/** Everybody on the same servers, one after the other, in one run. `choice.ts` says how to run a part of it. */
export async function converge(words: readonly string[]): Promise<void> {
  const choice = choose(words)
  await bringRivals(choice)
  console.log(`load of the machine before: ${loadavg()[0]?.toFixed(2)}`)
  await using scene = await setScene()
  const bench = { scene, choice }
  const most = choice.parts.has('idle') || choice.parts.has('changed') ? Math.max(...choice.sizes) : 0
  if (choice.parts.has('first')) await first(bench)
  for (const size of choice.sizes) {
    if (size > most) continue
    await scene.nodes(Math.max(size, scene.hosts.length), Math.max(size, served(bench)))
    if (choice.parts.has('idle')) await idle(bench, size)
    if (choice.parts.has('changed') && size === 10) await changed(bench, size)
  }
  if (choice.parts.has('command')) await command(bench, most)
  console.log(`\nmemory of the platform at the end: ${memory(scene.plane.pid()).toFixed(0)} MiB`)
}

interface Bench {
  scene: Scene
  choice: Choice
}

const served = ({ scene, choice }: Bench) =>
  choice.parts.has('first') ? Math.min(10, scene.hosts.length) : 0

async function bringRivals({ rivals }: Choice): Promise<void> {
  if (rivals.has('ansible') || rivals.has('mitogen')) await bringAnsible({ mitogen: rivals.has('mitogen') })
}

/** Each starts from servers that have nothing of it; devo.ps is last, so that what follows finds its work. */
async function first({ scene, choice }: Bench): Promise<void> {
  const size = 10
  await scene.nodes(size, 0)
  using floor = await openFloor(scene.hosts, scene.key)
  const files = tarOfTree()
  const raw = () =>
    Promise.all([floor.run(size, install), floor.pipe(size, 'sudo tar -x --no-same-owner -C /', files)])
  const results = new Map<Rival, Figures>()
  if (choice.rivals.has('floor')) {
    results.set('floor', await measure(1, raw))
    await floor.run(size, undo)
  }
  for (const rival of ['mitogen', 'ansible'] as const) {
    if (!choice.rivals.has(rival)) continue
    const ansible = openRival(scene, rival)
    await ansible.command(size)
    await tryRival(rival, results, () => measure(1, () => ansible.play(size)))
    await floor.run(size, undo)
  }
  results.set('devops', await measure(1, () => scene.nodes(size, size), scene.plane.pid()))
  report(`first converge of ${size} nodes (devo.ps: from \`git push\`)`, size, results)
}

async function idle({ scene, choice }: Bench, size: number): Promise<void> {
  const results = new Map<Rival, Figures>()
  const ours = () => scene.sync(size)
  await ours()
  using floor = await openFloor(scene.hosts.slice(0, size), scene.key)
  const [seen = ''] = await floor.run(size, checks)
  await besideFloor({ scene, choice }, results, ours, () => sameEverywhere(floor, size, seen))
  await eachAnsible({ scene, choice }, size, results, (ansible) => ansible.playCapped(size))
  report(`nothing to do, ${size} node${size === 1 ? '' : 's'}`, size, results)
}

async function besideFloor(
  { scene, choice }: Bench,
  results: Map<Rival, Figures>,
  ours: () => Promise<unknown>,
  floor: () => Promise<unknown>,
): Promise<void> {
  const acts = [
    { act: ours, pid: scene.plane.pid() },
    ...(choice.rivals.has('floor') ? [{ act: floor }] : []),
  ]
  const [devops, raw] = await measureInTurn(choice.repeats, acts)
  if (devops) results.set('devops', devops)
  if (raw) results.set('floor', raw)
}

async function sameEverywhere(floor: Floor, size: number, seen: string): Promise<void> {
  const answers = await floor.run(size, checks)
  // A user may have another number on another server.
  if (answers.some((answer) => answer.length !== seen.length)) throw new Error('the servers differ')
}

async function changed({ scene, choice }: Bench, size: number): Promise<void> {
  const results = new Map<Rival, Figures>()
  let round = 0
  const next = () => `round-${++round}`
  const ours = () => scene.nodes(scene.hosts.length, scene.hosts.length, next())
  using floor = await openFloor(scene.hosts.slice(0, size), scene.key)
  const raw = () => floor.run(size, `${checks}\n${rewrite(next())}`)
  await besideFloor({ scene, choice }, results, ours, raw)
  await eachAnsible({ scene, choice }, size, results, (ansible) => ansible.playCapped(size, next()))
  await scene.nodes(scene.hosts.length, scene.hosts.length)
  await scene.sync(scene.hosts.length)
  report(`one changed file of 95, ${size} nodes (devo.ps: from \`git push\`)`, size, results)
}

async function command({ scene, choice }: Bench, served: number): Promise<void> {
  const size = Math.max(choice.command, scene.hosts.length)
  await scene.nodes(size, served)
  const results = new Map<Rival, Figures>()
  const ours = () => scene.command()
  await ours()
  using floor = await openFloor(scene.hosts, scene.key)
  await besideFloor({ scene, choice }, results, ours, () => floor.run(size, 'hostname'))
  await eachAnsible({ scene, choice }, size, results, (ansible) => ansible.command(size))
  report(`one command on ${size} nodes`, size, results)
}

/** Once to open its connections, once for the figure. */
async function eachAnsible(
  { scene, choice }: Bench,
  size: number,
  results: Map<Rival, Figures>,
  act: (ansible: Ansible) => Promise<void>,
): Promise<void> {
  for (const rival of ['mitogen', 'ansible'] as const) {
    if (!choice.rivals.has(rival)) continue
    const ansible = openRival(scene, rival)
    await ansible.command(size)
    await tryRival(rival, results, () => measure(size === 1 ? 3 : 1, () => act(ansible)))
  }
}

/** One that breaks is left out, and the others are measured all the same. */
async function tryRival(
  rival: Rival,
  results: Map<Rival, Figures>,
  act: () => Promise<Figures>,
): Promise<void> {
  try {
    results.set(rival, await act())
  } catch (error) {
    if (error instanceof Capped) results.set(rival, { times: [CAP * 1000], capped: true })
    else console.log(`  ${names[rival]} failed: ${(error as Error).message.slice(0, 300)}`)
  }
}

const openRival = ({ plane, hosts, ann }: Scene, rival: 'ansible' | 'mitogen'): Ansible =>
  openAnsible({ folder: plane.data, hosts, keyFile: ann.keyFile }, { mitogen: rival === 'mitogen' })

function tarOfTree(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'devops-bench-'))
  try {
    execFileSync('sh', ['-c', tree], { cwd: folder })
    return execFileSync('tar', ['-c', 'opt'], { cwd: folder })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const names: Record<Rival, string> = {
  devops: 'devo.ps',
  floor: 'floor',
  mitogen: 'Ansible with mitogen',
  ansible: 'Ansible',
}

function report(title: string, nodes: number, results: ReadonlyMap<Rival, Figures>): void {
  const ours = median(results.get('devops')?.times ?? [])
  console.log(
    `\n${title}, ${resourceCount} resources each (devo.ps: and the base layer); load ${loadavg()[0]?.toFixed(1)}`,
  )
  for (const [rival, { times, processor, capped }] of results) {
    const than = capped ? `ended after ${CAP} s, not done; devo.ps takes less than` : 'devo.ps takes'
    const ratio = rival === 'devops' ? '' : `${than} ${relation(ours, median(times))}`
    const cost =
      processor === undefined
        ? ''
        : `platform: ${(processor / times.length / nodes).toFixed(1)} ms of processor a node`
    console.log(`  ${names[rival].padEnd(21)} median ${format(median(times)).padEnd(8)} ${ratio}${cost}`)
    if (times.length > 1) console.log(`  ${''.padEnd(21)} (${times.map(format).join(', ')})`)
  }
}

const relation = (ours: number, theirs: number): string =>
  ours > theirs
    ? `${(ours / theirs).toFixed(2)} times as long`
    : `1/${(theirs / ours).toFixed(1)} of the time`
