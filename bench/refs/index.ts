import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serveBare } from '../push/bare.ts'
import { openPlace } from '../push/place.ts'

const COUNT = 1000
/** Milliseconds that a push of a thousand refs may take. */
const AIM = 3000

/**
 * How long a push of many refs takes, over SSH and over HTTP, beside the same push to a bare repository over SSH, as
 * durable, no hooks. The words are the number of refs.
 */
export async function refs(words: readonly string[]): Promise<void> {
  for (const count of words.length > 0 ? words.map(Number) : [COUNT]) {
    const folder = mkdtempSync(join(tmpdir(), 'devops-bench-refs-'))
    try {
      await using place = await openPlace(folder, [])
      const bare = join(folder, 'bare.git')
      execFileSync('git', ['init', '-q', '--bare', bare])
      await using served = await serveBare(bare)
      const remotes = {
        bare: `ssh://git@127.0.0.1:${served.port}/bare.git`,
        ssh: place.url,
        http: place.httpUrl,
      }
      await measure(new Work(join(folder, 'work'), place.key), count, remotes)
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
}

type Remotes = Record<'bare' | 'ssh' | 'http', string>

async function measure(work: Work, count: number, remotes: Remotes): Promise<void> {
  const branches = Array.from({ length: count }, (_, i) => `refs/heads/b${i}`)
  work.commit()
  const tags = branches.map((name) => name.replace('heads/b', 'tags/t'))
  const deletions = branches.map((name) => `:${name}`)
  const inverse: Record<string, string[]> = {
    tags: tags.map((name) => `:${name}`),
    branches: deletions,
    'branches deleted': ['refs/heads/b*'],
  }
  work.create([...branches, ...tags])
  const acts: [title: string, specs: string[]][] = [
    ['tags', ['main', 'refs/tags/*']],
    ['branches', ['refs/heads/b*']],
    ['branches deleted', deletions],
  ]
  for (const [title, specs] of acts) {
    const bare = await work.push(remotes.bare, specs)
    for (const door of ['ssh', 'http'] as const) {
      // What the active branch brings along is judged in the same push.
      work.commit()
      const time = await work.push(remotes[door], [...new Set(['main', ...specs])])
      console.log(
        `${String(count).padStart(5)} ${title.padEnd(16)} over ${door.padEnd(4)}: ${time.toFixed(0)} ms, bare ${bare.toFixed(0)} ms, ` +
          `ratio ${(time / bare).toFixed(2)}${count === COUNT ? ` (aim: at most ${AIM} ms)` : ''}`,
      )
      // Both doors lead to one repository: it is put back for the push over the next.
      if (door === 'ssh') await work.push(remotes[door], inverse[title] ?? [])
    }
  }
}

/** A clone whose only node changes with each commit. */
class Work {
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  #turn = 0

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
    mkdirSync(join(folder, 'nodes'), { recursive: true })
    this.#git(['init', '-q', '-b', 'main'])
  }

  #git(args: readonly string[], input = ''): void {
    execFileSync('git', args, { cwd: this.folder, env: this.env, stdio: 'pipe', input })
  }

  commit(): void {
    const text = `id: n0\nname: Node ${this.#turn++}\ntype: server\nprovider:\n  name: docker\n`
    writeFileSync(join(this.folder, 'nodes/n0.yml'), text)
    this.#git(['add', '-A'])
    this.#git(['commit', '-q', '-m', 'change'])
  }

  create(refs: readonly string[]): void {
    this.#git(['update-ref', '--stdin'], refs.map((ref) => `create ${ref} HEAD\n`).join(''))
  }

  async push(remote: string, specs: readonly string[]): Promise<number> {
    const started = performance.now()
    await new Promise<void>((resolve, reject) => {
      const args = ['push', '-q', remote, ...specs]
      execFile('git', args, { cwd: this.folder, env: this.env }, (error, _, stderr) =>
        error ? reject(new Error(stderr)) : resolve(),
      )
    })
    return performance.now() - started
  }
}
