import { readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { openFormer } from './former-program.ts'
import { type Person, request } from './person.ts'
import { openPlane, type Plane } from './plane.ts'
import { onServer, server, type Watch, watch } from './story.ts'
import { until } from './until.ts'

/** What `makeFormerData` has left in a data folder, for whoever starts a later version on it. */
export interface Scene {
  version: string
  repo: string
  user: string
  /** Of the user, in the data folder. */
  keyFile: string
  token: string
  /** Id of the container that is node `one`; a step of task `long` runs in it until `/tmp/go` is there. */
  container: string
  cron: string
  variables: object[]
  /** Lines of logs that were there. */
  lines: string[]
  tokens: object[]
  /** Null where the version has no secrets. */
  secrets: { value: string; list: object[] } | null
  /** Null where the version has no passwords and no scopes. `session`: token of a sign-in. `reader`: of scope read, for the repository alone. */
  people: { password: string; session: string; reader: string } | null
}

export const sceneOf = (data: string): Scene => {
  const scene: Scene = JSON.parse(readFileSync(join(data, 'scene.json'), 'utf8'))
  return { ...scene, keyFile: join(data, scene.keyFile) }
}

const SECRET = 'correct horse battery staple'
const CRON = '0 3 1 1 *'
const LONG =
  'echo long begins; echo x >> /tmp/long; while ! test -e /tmp/go; do sleep 0.1; done; echo long ends'

/** A task for node `one` with one step. */
export const taskText = (id: string, line: string, more = ''): string =>
  `id: ${id}\nname: ${id}\ntype: task\ntargets: [one]\n${more}steps:\n  - run: ${JSON.stringify(line)}\n`

/**
 * Runs the platform of a commit on an empty folder until work is under way (a step that runs, a run that waits for it, a
 * cron, values, secrets, users with password, sign-in and scoped token, lines of logs), and kills it. The server that it
 * made goes on: it is a container of this machine.
 */
export async function makeFormerData(version: string, data: string): Promise<Scene> {
  using former = await openFormer(version)
  await using plane = await openFirst(data, former.program)
  const scene = await begin(plane, version)
  writeFileSync(
    join(data, 'scene.json'),
    JSON.stringify({ ...scene, keyFile: join(basename(dirname(scene.keyFile)), basename(scene.keyFile)) }),
    { mode: 0o600 },
  )
  await plane.kill()
  return scene
}

/** Early versions measure patterns of their catalog by the wall clock, and may end at the start on a busy machine. */
async function openFirst(data: string, program: string): Promise<Plane> {
  const opened = await until(() =>
    openPlane(data, { program, keep: true }).catch((error: Error) =>
      error.message.includes('it takes too long') ? undefined : error,
    ),
  )
  if (opened instanceof Error) throw opened
  return opened
}

async function begin(plane: Plane, version: string): Promise<Scene> {
  const ann = await plane.person('ann')
  const clone = await ann.repository('shop')
  const { repo } = clone
  const path = `/v1/repos/${repo}`
  const see = watch(ann, repo, plane)
  const routes = await routesOf(plane)
  clone.write({
    'nodes/one.yml': server('one'),
    'tasks/long.yml': taskText('long', LONG),
    'tasks/queued.yml': taskText('queued', 'echo x >> /tmp/queued'),
    'tasks/nightly.yml': taskText('nightly', 'true', `triggers:\n  crons: ['${CRON}']\n`),
  })
  const pushed = await clone.push('start')
  if (pushed.code !== 0) throw new Error(pushed.text)
  await see.synced('one')
  await ann.api('PUT', `${path}/variables`, { scope: 'repo', name: 'colour', value: 'blue' })
  const hasSecrets = routes.has('/v1/repos/{owner}/{repo}/secrets/{name}')
  if (hasSecrets) await ann.api('PUT', `${path}/secrets/token`, { value: SECRET })
  const people = routes.has('/v1/users/{user}/password') ? await peopleOf(plane, ann, repo) : null
  await see.idle()
  const container = (await see.node('one')).server?.id ?? ''
  await work(ann, see, path, container)
  return {
    version,
    repo,
    user: ann.name,
    keyFile: ann.keyFile,
    token: ann.token,
    container,
    cron: CRON,
    variables: await ann.api('GET', `${path}/variables`),
    lines: (await see.logs('')).map(({ text }) => text),
    tokens: await ann.api('GET', '/v1/users/ann/tokens'),
    secrets: hasSecrets ? { value: SECRET, list: await ann.api('GET', `${path}/secrets`) } : null,
    people,
  }
}

async function routesOf({ url }: Plane): Promise<Set<string>> {
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: object }
  return new Set(Object.keys(document.paths))
}

async function peopleOf(plane: Plane, ann: Person, repo: string): Promise<Scene['people']> {
  const password = 'six words that nobody would guess'
  await plane.admin()('PUT', '/v1/users/ann/password', { password })
  const { token: session } = await request(plane.url, '')<{ token: string }>('POST', '/v1/login', {
    user: 'ann',
    password,
    title: 'sign-in',
  })
  const wish = { title: 'reader', scope: 'read', repo }
  const { token: reader } = await ann.api<{ token: string }>('POST', '/v1/users/ann/tokens', wish)
  return { password, session, reader }
}

/** A step that runs, and a run behind it. */
async function work(ann: Person, see: Watch, path: string, container: string): Promise<void> {
  const start = (task: string) => ann.api('POST', `${path}/tasks/${task}/runs`, {})
  await start('long')
  await see.eventually('the step of long runs', async () =>
    (await onServer(container, 'cat /tmp/long 2>/dev/null || true')).includes('x'),
  )
  await start('queued')
  await see.eventually('the first line of the step is there', async () =>
    (await see.logs('')).some(({ text }) => text === 'long begins'),
  )
}
