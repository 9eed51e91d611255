import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readCatalog } from '#language'
import { serveBare } from './bare.ts'
import { openPlace, type Place, settle } from './place.ts'

const SIZES = [10, 200, 1000]
const PUSHES = 9
/** Milliseconds that a push may take beyond one to a bare repository, with 200 nodes. */
const AIM = 300

/**
 * How long `git push` takes, as who pushes sees it: a repository of so many nodes, all of them in sync, of which each
 * push changes one option of one node. Beside it the same pushes to a bare repository over SSH, as durable, no hooks.
 */
export async function push(words: readonly string[]): Promise<void> {
  const sizes = words.length > 0 ? words.map(Number) : SIZES
  const catalog = readCatalog(join(import.meta.dirname, '../../catalog'))
  for (const size of sizes) {
    const folder = mkdtempSync(join(tmpdir(), 'devops-bench-push-'))
    try {
      await using place = await openPlace(folder, catalog)
      await measure(folder, size, place)
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
}

async function measure(folder: string, size: number, place: Place): Promise<void> {
  const bare = join(folder, 'bare.git')
  execFileSync('git', ['init', '-q', '--bare', bare])
  await using served = await serveBare(bare)
  const work = new Work(join(folder, 'work'), place.key)
  work.remote('bare', `ssh://git@127.0.0.1:${served.port}/bare.git`)
  work.remote('ours', place.url)
  work.write(size)
  await work.push('bare')
  const first = await work.push('ours')
  await settle(place)
  const times = { bare: [] as number[], ours: [] as number[], own: [] as number[] }
  for (let i = 0; i < PUSHES; i++) {
    work.change(i)
    times.bare.push(await work.push('bare'))
    const before = process.threadCpuUsage()
    times.ours.push(await work.push('ours'))
    const { user, system } = process.threadCpuUsage(before)
    times.own.push((user + system) / 1000)
  }
  const [bareTime, ourTime] = [median(times.bare), median(times.ours)]
  const more = ourTime - bareTime
  console.log(
    `${String(size).padStart(5)} nodes: bare ${bareTime.toFixed(0)} ms, devo.ps ${ourTime.toFixed(0)} ms (median of ${PUSHES}), ` +
      `${more.toFixed(0)} ms more${size === 200 ? ` (aim: at most ${AIM})` : ''}; slowest ${Math.max(...times.ours).toFixed(0)} ms; ` +
      `${median(times.own).toFixed(0)} ms are work of the platform, the rest is git's and waiting; ` +
      `the first, which makes all of them: ${first.toFixed(0)} ms`,
  )
  if (!work.said.includes('~ n0') || /no plan could be had/.test(work.said))
    console.log(`      the answer had no plan:\n${work.said}`)
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0

/** A clone with N nodes and one task for each ten. */
class Work {
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  said = ''

  constructor(folder: string, key: string) {
    this.folder = folder
    this.env = {
      PATH: process.env.PATH,
      HOME: folder,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_AUTHOR_NAME: 'ann',
      GIT_AUTHOR_EMAIL: 'ann@example.com',
      GIT_COMMITTER_NAME: 'ann',
      GIT_COMMITTER_EMAIL: 'ann@example.com',
      GIT_SSH_COMMAND: `ssh -F /dev/null -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -i ${key}`,
    }
    for (const name of ['nodes', 'tasks']) mkdirSync(join(folder, name), { recursive: true })
    this.git('init', '-q', '-b', 'main')
  }

  private git(...args: string[]): string {
    return execFileSync('git', args, { cwd: this.folder, env: this.env, stdio: 'pipe' }).toString()
  }

  remote(name: string, url: string): void {
    this.git('remote', 'add', name, url)
  }

  write(size: number): void {
    for (let i = 0; i < size; i++) writeFileSync(join(this.folder, `nodes/n${i}.yml`), nodeText(i, 512))
    for (let i = 0; i < size; i += 10) writeFileSync(join(this.folder, `tasks/t${i}.yml`), taskText(i))
    this.commit()
  }

  change(turn: number): void {
    writeFileSync(join(this.folder, 'nodes/n0.yml'), nodeText(0, 600 + turn))
    this.commit()
  }

  private commit(): void {
    this.git('add', '-A')
    this.git('commit', '-q', '-m', 'change')
  }

  async push(remote: string): Promise<number> {
    const started = performance.now()
    await new Promise<void>((resolve, reject) => {
      const args = ['push', '-q', remote, 'main']
      execFile('git', args, { cwd: this.folder, env: this.env }, (error, stdout, stderr) => {
        if (remote === 'ours') this.said = stdout + stderr
        if (error) reject(new Error(stderr))
        else resolve()
      })
    })
    return performance.now() - started
  }
}

const nodeText = (i: number, connections: number): string => `id: n${i}
name: Node ${i}
type: server
provider:
  name: docker
services:
  nginx: '*'
configuration:
  nginx:
    events:
      worker_connections: ${connections}
    vhosts:
      - id: site${i}
        domain: site${i}.example.com
        webroot: site${i}
        routes:
          - uri: /
vars:
  color: blue
  port: ${8000 + (i % 100)}
  label: 'port {{ port }}'
`

const taskText = (i: number): string => `id: t${i}
type: task
targets: [n${i}]
triggers:
  webhooks:
    - path: t${i}
  crons:
    - '0 5 * * *'
steps:
  - run: echo {{ n${i}.ip }} {{ n${i}.configuration.nginx.events.worker_connections }}
  - run: devops nginx reload
`
