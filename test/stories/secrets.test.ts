import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { onServer, server, type Watch, watch } from '#testing/story.ts'

/** Not to be found anywhere, and neither are its pieces, which stay in every form that leaves letters and digits alone. */
const piece = () => randomBytes(5).toString('hex')
const canary = () => `ca+na/ry ${piece()}-${piece()} &"'$=${piece()}`
const first = canary()
const second = canary()

let plane: Plane
let ann: Person
let clone: Clone
let see: Watch
/** All that people were told: answers of git, of the CLI and of the API. */
const told: string[] = []

before(async () => {
  plane = await startPlane()
  ann = await plane.person('ann')
  clone = await ann.repository('shop')
  see = watch(ann, clone.repo, plane)
})
after(() => plane?.[Symbol.asyncDispose]())

async function devops(...args: string[]) {
  const answer = await ann.devops(...args, '--repo', clone.repo)
  told.push(answer.text)
  return answer
}

async function push(files: Record<string, string | null>) {
  clone.write(files)
  const answer = await clone.push()
  told.push(answer.text)
  return { ...answer, commit: (await clone.git('rev-parse', 'HEAD')).text.trim() }
}

const app = `title: App
options:
  key: { type: string, secret: true }
  port: { type: integer, default: 80 }
  workers: { type: string, default: "1" }
resources:
  - file: /etc/app.conf
    template: app.conf
    notify: tell
  - file: /etc/app.env
    content: "TOKEN={{ secrets.token }}"
  - command: greet
    run: echo starts with {{ secrets.token }}, key {{ app.key }}
    unless: grep -qF {{ secrets.token }} /etc/greeted
  - command: remember
    run: printf '%s\\n' {{ secrets.token }} >/etc/greeted
    unless: grep -qF {{ secrets.token }} /etc/greeted
    requires: command:greet
handlers:
  tell:
    run: echo {{ secrets.token }} reloaded
facts:
  told: cat /etc/app.env
`
const template = `token = {{ secrets.token }}
url = https://user:{{ secrets.token | url_encode }}@example.test
mode = {{ node.vars.mode }}
workers = {{ app.workers }}
`
const node = (more = '') =>
  server(
    'web',
    `services: [app]
configuration:
  app:
    key: "k {{ secrets.token }}"
${more}vars:
  mode: "mode of {{ secrets.token }}"
`,
  )
const task = (id: string, steps: string) => `id: ${id}\ntype: task\ntargets: [web]\nsteps:\n${steps}`

test('a push that uses a secret is refused until it is set, and then brings it to the server', async () => {
  const files = {
    'services/app/service.yml': app,
    'services/app/templates/app.conf': template,
    'nodes/web.yml': node(),
  }
  const refused = await push(files)
  assert.notEqual(refused.code, 0)
  assert.match(refused.text, /unknown secret "token": set it first, with devops secret set token/)
  const set = await ann.devopsWith(`${first}\n`, 'secret', 'set', 'token', '--repo', clone.repo)
  assert.equal(set.code, 0, set.text)
  told.push(set.text)
  const pushed = await push({})
  assert.equal(pushed.code, 0, pushed.text)
  assert.match(pushed.text, /\+ web {2}create {2}\d+ resources: devops plan web/)
  const web = await see.synced('web', pushed.commit)
  const conf = await onServer(web.server?.id ?? '', 'cat /etc/app.conf /etc/app.env')
  assert.ok(conf.includes(`token = ${first}\n`) && conf.includes(`TOKEN=${first}`), conf)
})

test('steps get it, print it in every form and fail with it, and later steps see stars', async () => {
  const forms = `printf '%s' {{ secrets.token }} | base64 -w0; echo; printf 'x%s' {{ secrets.token }} | base64 -w0; echo
      printf 'xy%s' {{ secrets.token }} | base64 -w0; echo; printf '%s' {{ secrets.token }} | od -An -v -tx1 | tr -d ' \\n'; echo`
  const { code, text } = await push({
    'scripts/show.sh':
      'TOKEN={{ secrets.token }}\nexport TOKEN\necho "script: $TOKEN" >&2\nenv | grep ^TOKEN\n',
    'tasks/show.yml': task(
      'show',
      `  - id: print
    run: printf '%s\\n' {{ secrets.token }}
  - run: devops scripts/show.sh
  - run: |
      ${forms}
  - run: echo before {{ steps.print.stdout }} {{ word }}
    vars: { word: "w{{ secrets.token }}" }
  - id: write
    env: { HUSH: "{{ secrets.token }}" }
    outputs: [key]
    run: printf 'key=k%s\\n' "$HUSH" >"$DEVOPS_OUTPUT"; env | grep HUSH
  - run: echo after {{ steps.write.outputs.key }}
  - run: test {{ secrets.token }} = other || { echo wrong {{ secrets.token }}; exit 3; }
`,
    ),
    'tasks/copy.yml': task('copy', '  - run: devops var set copy "{{ secrets.token }}"\n'),
    'tasks/broken.yml': task(
      'broken',
      '  - run: "echo {{ secrets.token | times: 2 }} {{ payload.nothing }}"\n',
    ),
  })
  assert.equal(code, 0, text)
  const shown = await devops('run', 'show')
  assert.match(shown.text, /script: \*\*\*/)
  assert.match(shown.text, /before \*\*\* w\*\*\*/)
  assert.match(shown.text, /wrong \*\*\*/)
  assert.match(shown.text, /HUSH=\*\*\*/)
  assert.match(shown.text, /after k\*\*\*/)
  await devops('run', 'broken')
  assert.match((await devops('run', 'copy')).text, /holds a secret, and variables are shown/)
  await see.idle()
})

test('failures that would show it say *** instead', async () => {
  const { commit, code, text } = await push({ 'nodes/web.yml': node('    port: "{{ secrets.token }}"\n') })
  assert.equal(code, 0, text)
  await see.idle()
  const status = await see.eventually(
    'the failure',
    async () => (await see.node('web')).status?.error ?? undefined,
  )
  assert.match(status, /configuration\.app\.port: must be a whole number, got "\*\*\*/)
  await devops('plan')
  assert.notEqual((await see.node('web')).status?.commit, commit)
  const failing = app.replace('echo starts with', 'echo oops {{ secrets.token }} >&2; false; echo')
  await push({
    'services/app/service.yml': failing.replace('unless: grep', 'unless: false && grep'),
    'nodes/web.yml': node(),
  })
  await see.eventually('a failure of a command', async () =>
    (await see.logs('node=web')).some(({ text }) => text.includes('oops ***')),
  )
  const healed = await push({ 'services/app/service.yml': app })
  await see.synced('web', healed.commit)
})

test('security 27: a rotated secret is followed by the node that uses it, and a diff shows neither value', async () => {
  const rotated = await ann.devopsWith(second, 'secret', 'rotate', 'token', '--repo', clone.repo)
  assert.equal(rotated.code, 0, rotated.text)
  assert.match(rotated.text, /Synced in a moment, because they use it: web\./)
  told.push(rotated.text, (await devops('plan')).text)
  const id = (await see.node('web')).server?.id ?? ''
  await see.eventually('the new value', async () =>
    (await onServer(id, 'cat /etc/app.conf')).includes(`token = ${second}\n`),
  )
  await see.idle()
  const listed = await devops('secret', 'list')
  assert.match(listed.text, /token +2 /)
  assert.match((await devops('secret', 'history', 'token')).text, /2 +rotated[\s\S]*1 +set/)
})

test('security 27: no secret is in the data folder, the output, an answer, or a backup, in any form', async (t) => {
  await Promise.all([devops('status'), devops('info', 'web'), devops('plan'), devops('plan', '--recorded')])
  await Promise.all([
    devops('list', 'runs'),
    devops('logs'),
    devops('var', 'list'),
    devops('password', 'list'),
  ])
  const path = `/v1/repos/${clone.repo}`
  const lists = [
    'nodes',
    'works?limit=1000',
    'runs?limit=1000',
    'logs?limit=10000',
    'plan?live=true',
    'secrets',
    'tasks',
  ]
  for (const list of lists) told.push(JSON.stringify(await ann.api('GET', `${path}/${list}`)))
  for (const { id } of [...(await see.runs('show')), ...(await see.runs('broken'))])
    told.push(JSON.stringify(await ann.api('GET', `${path}/runs/${id}`)))
  const backup = mkdtempSync(join(tmpdir(), 'devops-backup-'))
  t.after(() => rmSync(backup, { recursive: true }))
  cpSync(plane.data, backup, { recursive: true })

  const places = new Map<string, Buffer>([
    ['what people were told', Buffer.from(told.join('\n'))],
    ['the output of the platform', Buffer.from(plane.output())],
    ...filesOf(plane.data),
    ...filesOf(backup),
  ])
  assert.ok([...places.keys()].some((name) => name.endsWith('devops.sqlite')))
  assert.ok(told.join('\n').includes('***'))
  for (const [place, bytes] of places)
    for (const [secret, name] of [
      [first, 'first'],
      [second, 'second'],
    ] as const)
      for (const [form, text] of formsOf(secret))
        assert.ok(
          !bytes.includes(text),
          `the ${name} value is in ${place}, ${form}: …${around(bytes, text)}…`,
        )
})

/** What the forms that a secret may take have in common: its URL form, for example, holds the pieces as they are. */
function formsOf(secret: string): [string, string][] {
  const pieces = secret.match(/[0-9a-f]{10}/g) ?? []
  assert.equal(pieces.length, 3)
  const base64 = [0, 1, 2].map((offset): [string, string] => {
    const text = Buffer.from(`${'x'.repeat(offset)}${secret}`).toString('base64')
    return [`in base64 from ${offset}`, text.slice(16, -16)]
  })
  const hex = pieces.map((text) => Buffer.from(text).toString('hex'))
  return [
    ...pieces.map((text): [string, string] => ['as it is', text]),
    ...base64,
    ...hex.map((text): [string, string] => ['in hex', text]),
    ...hex.map((text): [string, string] => ['in upper hex', text.toUpperCase()]),
  ]
}

const around = (bytes: Buffer, text: string): string => {
  const at = bytes.indexOf(text)
  return bytes
    .subarray(Math.max(0, at - 200), at)
    .toString('latin1')
    .replace(/[^ -~]+/g, ' ')
}

const filesOf = (folder: string): [string, Buffer][] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => [file, readFileSync(file)])
