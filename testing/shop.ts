import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { silentLog } from '#kit/log.ts'
import { newKeyPair } from '#kit/ssh-key.ts'
import { startPlatform } from '../bin/platform.ts'
import { validateFolder } from '../bin/validate.ts'
import { runCli } from '../src/cli/index.ts'
import type { Io } from '../src/cli/io.ts'
import { createPerson, type Person } from './person.ts'

const files = {
  'nodes/web.yml': 'id: web\nname: First\ntype: server\nprovider: { name: ssh }\n',
  'nodes/db.yml': 'id: db\nname: Second\ntype: server\nprovider: { name: ssh }\nvars: { size: 3 }\n',
  'tasks/deploy.yml': `id: deploy
type: task
name: Deploys the shop
targets: [web]
inputs:
  version: { type: string, default: '1' }
triggers:
  webhooks: [{ path: deploy }]
  crons: [{ cron: '0 5 * * *' }]
steps:
  - name: Look
    run: uptime
  - run: echo {{ version }}
`,
}

/** What a command finds otherwise than usual. */
type More = Partial<Omit<Io, 'stdin'>> & {
  input?: string
  /** Of the terminal that stdout is. */
  columns?: number
}

export interface Said {
  code: number
  out: string
  err: string
}

/** A platform in this process on which a small shop is kept: one specimen of every thing that has a name. */
export interface Shop extends AsyncDisposable {
  url: string
  /** The platform's data folder. */
  data: string
  ann: Person
  /** The clone that ann has pushed from. */
  folder: string
  /** Ids of what has no name of its own; `other`: a second token. */
  ids: Record<'run' | 'ended' | 'delivery' | 'token' | 'other' | 'key', string>
  /** One command as ann, an administrator unless `who` names another token. */
  devops(words: readonly string[], more?: More): Promise<Said>
}

export async function startShop(): Promise<Shop> {
  await using stack = new AsyncDisposableStack()
  const data = mkdtempSync(join(tmpdir(), 'devops-shop-'))
  stack.defer(() => rmSync(data, { recursive: true, force: true }))
  const platform = stack.use(await startPlatform({ data: join(data, 'data'), log: silentLog }))
  const { api, ssh } = platform.addresses
  const url = `http://${api.host}:${api.port}`
  const where = { data, url, ssh, adminToken: platform.adminToken ?? '' }
  const ann = await createPerson(where, 'ann')
  const { folder, ids } = await fill(ann, url)
  const { private: key, public: line } = newKeyPair()
  writeFileSync(join(data, 'key'), key)
  writeFileSync(join(data, 'key.pub'), `${line}\n`)
  await platform.bus.ask('profiles.create_user', { name: 'bob' })
  await ann.api('PUT', '/v1/repos/ann/shop/collaborators/bob', { role: 'read' })
  await platform.bus.ask('profiles.update_user', { name: 'ann', admin: true })
  const devops: Shop['devops'] = async (words, { input = '', columns, ...more } = {}) => {
    let [out, err] = ['', '']
    const code = await runCli(words, {
      stdout: { write: (text: string) => (out += text), ...(columns ? { isTTY: true, columns } : {}) },
      stderr: { write: (text: string) => (err += text) },
      stdin: Readable.from(input === '' ? [] : [input]),
      validate: async (folder) => validateFolder(folder),
      env: { DEVOPS_SERVER: url, DEVOPS_TOKEN: ann.token },
      home: data,
      cwd: data,
      ...more,
    })
    return { code, out, err }
  }
  const undo = stack.move()
  return {
    url,
    data: join(data, 'data'),
    ann,
    folder,
    ids,
    devops,
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  }
}

/** Everything that has a name or an id, once. */
async function fill({ api, repository }: Person, url: string): Promise<Pick<Shop, 'ids' | 'folder'>> {
  const clone = await repository('shop')
  clone.write(files)
  const pushed = await clone.push()
  if (pushed.code !== 0) throw new Error(pushed.text)
  const repo = '/v1/repos/ann/shop'
  await api('PUT', `${repo}/variables`, { scope: 'repo', name: 'color', value: 'red' })
  await api('PUT', `${repo}/secrets/token`, { value: 'not for the eyes' })
  const start = () => api<{ id: string }>('POST', `${repo}/tasks/deploy/runs`, {})
  const ended = (await start()).id
  await api('POST', `${repo}/works/${ended}/cancel`)
  const run = (await start()).id
  const hook = await fetch(`${url}/hooks/ann/shop/deploy`, { method: 'POST', body: '{}' })
  const { delivery } = (await hook.json()) as { delivery: string }
  const [token] = await api<{ id: string }[]>('GET', '/v1/users/ann/tokens')
  const { record } = await api<{ record: { id: string } }>('POST', '/v1/users/ann/tokens', { title: 'other' })
  const [key] = await api<{ fingerprint: string }[]>('GET', '/v1/users/ann/keys')
  const ids = { run, ended, delivery, token: token?.id ?? '', key: key?.fingerprint ?? '', other: record.id }
  return { folder: clone.folder, ids }
}
