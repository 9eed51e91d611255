import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ownAddress } from '#testing/own-address.ts'
import type { Clone, Person } from '#testing/person.ts'
import { type Plane, startPlane } from '#testing/plane.ts'
import { onServer, server, type Watch, watch } from '#testing/story.ts'
import { until } from '#testing/until.ts'

let plane: Plane
let ann: Person
let clone: Clone
let see: Watch
let id: string
let certificate: string
const folder = mkdtempSync(join(tmpdir(), 'devops-logs-'))

/** Where the servers of provider docker reach this machine. */
const here = ownAddress()

function makeCertificate(): [key: string, certificate: string] {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const ofCurve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const args = ['req', '-x509', ...ofCurve, '-days', '2', '-subj', '/CN=logs', '-keyout', key, '-out', cert]
  execFileSync('openssl', args, { stdio: 'ignore' })
  return [key, cert]
}

before(async () => {
  const [key, cert] = makeCertificate()
  certificate = readFileSync(cert, 'utf8')
  const listen = ['--syslog-host', here, '--syslog-port', '0', '--syslog-tls-port', '0']
  plane = await startPlane([...listen, '--syslog-cert', cert, '--syslog-key', key])
  ann = await plane.person('ann')
  clone = await ann.repository('shop')
  see = watch(ann, clone.repo, plane)
  await push({
    'nodes/web.yml': server('web', syslog('tcp')),
    'tasks/talk.yml': `id: talk
name: talk
type: task
targets: [web]
steps:
  - run: printf '\\033[2Jred \\033[31malert\\007\\n'; printf '\\377\\000binary\\n'
  - run: head -c 3000000 /dev/zero | tr '\\0' 'x' | fold -w 1000; echo end
`,
  })
  id = (await see.synced('web')).server?.id ?? ''
})
after(async () => {
  await plane?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const push = async (files: Record<string, string | null>) => {
  clone.write(files)
  const pushed = await clone.push()
  assert.equal(pushed.code, 0, pushed.text)
}
const devops = (...args: string[]) => ann.devops(...args, '--repo', clone.repo)
const port = (kind: string) =>
  Number(new RegExp(`Syslog of nodes by ${kind} +port (\\d+)`).exec(plane.output())?.[1])

const syslog = (protocol: 'tcp' | 'tls' | 'udp') => `configuration:
  server:
    syslog:
      host: ${here}
      port: ${port(protocol.toUpperCase())}
      protocol: ${protocol}
${protocol === 'tls' ? `      ca: |\n${certificate.replace(/^/gm, '        ')}` : ''}`

const syslogLine = (text: string) =>
  until(async () => (await see.logs(`stream=syslog&text=${encodeURIComponent(text)}`))[0])

test('what a server logs is with the platform when the base layer is told to send it', async () => {
  await onServer(id, 'logger -t shop -p user.err "out of apples"')
  assert.ok(await syslogLine('out of apples'))
  const { text } = await devops('logs', '--stream', 'syslog', '--service', 'shop', '--level', 'error')
  assert.match(text, /web {2}out of apples/)
})

test('a server that is told whose certificate to trust sends by TLS', async () => {
  await push({ 'nodes/web.yml': server('web', syslog('tls')) })
  await see.idle()
  await onServer(id, 'logger -t shop "sealed apples"')
  assert.ok(await syslogLine('sealed apples'))
})

test('a server that is told to sends by UDP', async () => {
  await push({ 'nodes/web.yml': server('web', syslog('udp')) })
  await see.idle()
  await onServer(id, 'logger -t shop "loose apples"')
  assert.ok(await syslogLine('loose apples'))
})

test('what a step prints cannot move the cursor of who reads it, on any face (security 30)', async () => {
  await devops('run', 'talk')
  const shown = await devops('logs', '--task', 'talk', '--step', '1')
  assert.ok(!/(?![\n\t])\p{Cc}/u.test(shown.text), JSON.stringify(shown.text))
  assert.match(shown.text, /\\x1b\[2Jred \\x1b\[31malert\\x07/)
  const json = await devops('logs', '--task', 'talk', '--step', '1', '--json')
  assert.ok(!/(?![\n\t])\p{Cc}/u.test(json.text), JSON.stringify(json.text))
})

test('a step that floods is cut at its MiB, which is said with a count, and still succeeds', async () => {
  assert.equal((await devops('repo', 'settings', 'step_log_megabytes', '1')).code, 0)
  const { code } = await devops('run', 'talk')
  assert.equal(code, 0)
  const { text } = await devops('logs', '--task', 'talk', '--step', '2', '--stream', 'platform')
  assert.match(text, /printed more than 1 MiB: the rest is left out \(setting step_log_megabytes\)/)
  assert.match(text, /1953 lines \(1\.9 MiB\) of this step were left out/)
})

test('an export has every line of a node, oldest first, and a query by time and text finds them', async () => {
  const all = await devops('logs', '--all', '--json', '--node', 'web')
  const lines = all.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { seq: number; at: number })
  assert.ok(lines.length > 3000, String(lines.length))
  assert.ok(lines.every((line, i) => i === 0 || line.seq > (lines[i - 1]?.seq ?? 0)))
  const found = await devops('logs', '--since', '1h', '--grep', 'OUT OF APPLES')
  assert.match(found.text, /out of apples/)
  const none = await devops('logs', '--until', '1h', '--grep', 'out of apples')
  assert.match(none.text, /^No lines\.$/m)
})
