import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomInt } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import type { Work } from '#contracts/tasker.ts'
import { seededChance } from '#testing/chance.ts'
import { type Machine, startFleet } from '#testing/fleet.ts'
import type { Clone, Person } from '#testing/person.ts'
import { startPlane } from '#testing/plane.ts'
import { type Watch, watch } from '#testing/story.ts'
import { openWire, type Wire } from '#testing/wire.ts'

/**
 * Random syncs over five machines while their links are cut at random bytes (reset, black hole), machines lose their
 * power, the disk of a machine turns read-only for a while, and the platform is killed or told to end. `SEED=… ROUNDS=…` repeats a series; ROUNDS=200 is the long run.
 */
const seed = Number(process.env.SEED ?? randomInt(2 ** 31))
const rounds = Number(process.env.ROUNDS ?? 8)
const names = ['n1', 'n2', 'n3', 'n4', 'n5']

/** The first line of the file is the digest of the rest: a file that is half there can be told by itself. */
const service = `id: note
title: Note
options:
  text: {type: string, required: true}
resources:
  - directory: /etc/chaos
  - file: /etc/chaos/note
    content: "{{ note.text }}"
    notify: touched
  - link: /etc/chaos/link
    to: /etc/chaos/note
handlers:
  touched:
    run: 'exec 8>/run/chaos.lock; flock -n 8 || echo two at once >>/var/tmp/chaos-bad; sleep 0.2'
`

/** Looks at the file all the time, from inside, not through the platform. */
const watcher = `cat >/usr/local/bin/chaos-watch <<'END'
#!/bin/sh
while :; do
  {
    read -r sum
    [ "$sum" = "$(sha256sum | cut -c1-64)" ] || echo "half a file at $(date)" >>/var/tmp/chaos-bad
  } </etc/chaos/note 2>/dev/null
  sleep 0.3
done
END
chmod +x /usr/local/bin/chaos-watch
printf '[Service]\\nExecStart=/usr/local/bin/chaos-watch\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/chaos-watch.service
: >/var/tmp/chaos-bad
systemctl enable --now chaos-watch 2>/dev/null`

test(`${rounds} rounds of chaos over ${names.length} nodes (SEED=${seed}): no file is ever half there, no two works meet on a node, no node is lost, and in the end all is as described`, {
  timeout: 3_600_000,
}, async (t) => {
  await using fleet = await startFleet(names.length, { plane: 'story-chaos', strangers: true })
  await using plane = await startPlane(['--allow-address', '127.0.0.1'])
  const ann = await plane.person('ann')
  const clone = await ann.repository('wild')
  const see = watch(ann, clone.repo, plane)
  const chance = seededChance(seed)
  const between = (from: number, to: number) => from + Math.floor(chance() * (to - from))
  await using proxies = new AsyncDisposableStack()
  const ways: Way[] = []
  for (const [at, machine] of fleet.machines.entries()) {
    await machine.sh(watcher)
    const proxy = proxies.use(await openWire(machine.ip))
    ways.push({ name: names[at] ?? '', machine, proxy })
  }
  const texts = new Map(names.map((name) => [name, textOf(chance)]))
  clone.write({ 'services/note/service.yml': service })
  await describe(clone, texts)
  await linkAll(ann, clone, ways)
  for (const name of names) await see.synced(name)

  let kills = 0
  let reboots = 0
  let disks = 0
  for (let round = 1; round <= rounds; round++) {
    const picked = ways.filter(() => chance() < 0.3)
    const chosen = picked.length > 0 ? picked : [ways[between(0, ways.length)] as Way]
    for (const { name, proxy } of chosen) {
      texts.set(name, textOf(chance))
      const after = between(0, 60_000)
      if (chance() < 0.4) proxy.reset(after, between(0, 1500))
      else if (chance() < 0.7) proxy.hole(after, between(200, 2500), chance() < 0.5 ? 'go on' : 'reset')
    }
    t.diagnostic(`round ${round}: ${chosen.map(({ name }) => name).join(', ')}`)
    await describe(clone, texts)
    await new Promise((done) => setTimeout(done, between(0, 1500)))
    const fate = chance()
    if (fate < 0.12) {
      kills++
      await plane.kill(chance() < 0.5 ? 'SIGKILL' : 'SIGTERM')
      await plane.restart()
    } else if (fate < 0.22) {
      reboots++
      await reboot(ways[between(0, ways.length)] as Way)
    } else if (fate < 0.4) {
      disks++
      await spoilDisk(ways[between(0, ways.length)] as Way, between(300, 2500))
    }
  }

  for (const { proxy } of ways) proxy.heal()
  await ann.api('POST', `/v1/repos/${clone.repo}/sync`)
  await see.idle()
  await judge(t, see, ann, clone, ways, texts)
  const cuts = ways.reduce((sum, { proxy }) => sum + proxy.cuts, 0)
  const works = await ann.api<Work[]>('GET', `/v1/repos/${clone.repo}/works?limit=1000`)
  const count = (state: string) => works.filter((work) => work.state === state).length
  const attempts = works.reduce((sum, { attempt }) => sum + attempt, 0)
  t.diagnostic(
    `${works.length} syncs in ${attempts} attempts: ${count('succeeded')} succeeded, ${count('superseded')} superseded, ${count('failed')} failed; ${cuts} cuts, ${reboots} reboots, ${disks} spoilt disks, ${kills} kills`,
  )
})

interface Way {
  name: string
  machine: Machine
  proxy: Wire
}

function textOf(chance: () => number): string {
  const line = () => createHash('sha256').update(String(chance())).digest('hex')
  const rest = Array.from({ length: 200 }, () => `${line()}\n`).join('')
  return `${createHash('sha256').update(rest).digest('hex')}\n${rest}`
}

async function describe(clone: Clone, texts: ReadonlyMap<string, string>): Promise<void> {
  const files = [...texts].map(([name, text]) => [
    `nodes/${name}.yml`,
    `id: ${name}\nname: ${name}\ntype: server\nprovider: {name: ssh}\nservices: {note: '*'}\nconfiguration:\n  note:\n    text: ${JSON.stringify(text)}\n`,
  ])
  clone.write(Object.fromEntries(files))
  const { code, text } = await clone.push('another wish')
  assert.equal(code, 0, text)
}

async function linkAll(ann: Person, clone: Clone, ways: readonly Way[]): Promise<void> {
  for (const { name, machine, proxy } of ways) {
    await ann.api('POST', `/v1/repos/${clone.repo}/nodes/${name}/link`, {
      host: '127.0.0.1',
      port: proxy.port,
      ...machine.root,
    })
    await ann.api('POST', `/v1/repos/${clone.repo}/nodes/${name}/sync`)
  }
}

const run = promisify(execFile)

/** What the platform keeps on the machine cannot be written for a while, as after an error of the disk. */
async function spoilDisk({ machine }: Way, ms: number): Promise<void> {
  const folder = '/var/lib/devops'
  await machine.sh(`mount --bind ${folder} ${folder} && mount -o remount,bind,ro ${folder}`)
  await new Promise((done) => setTimeout(done, ms))
  await machine.sh(`umount -l ${folder}`)
}

/** After its power came back a container may have another address, which its proxy hides like a router. */
async function reboot({ machine, proxy }: Way): Promise<void> {
  await machine.reboot()
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
  proxy.host = (await run('docker', ['inspect', '-f', format, machine.id])).stdout.trim()
}

async function judge(
  t: TestContext,
  see: Watch,
  ann: Person,
  clone: Clone,
  ways: readonly Way[],
  texts: ReadonlyMap<string, string>,
): Promise<void> {
  for (const { name, machine } of ways) {
    const node = await see.synced(name)
    assert.equal(node.server?.host, '127.0.0.1', `${name} is lost`)
    assert.equal(await machine.sh('cat /var/tmp/chaos-bad'), '', name)
    assert.equal(await machine.sh('cat /etc/chaos/note'), texts.get(name), `${name} is not as described`)
    assert.equal(await machine.sh('cat /etc/chaos/link'), texts.get(name))
    assert.equal(await machine.sh('ls -A /etc/chaos'), 'link\nnote\n', `${name} has leftovers`)
    assert.equal(await machine.sh('systemctl is-active chaos-watch'), 'active\n')
  }
  // I8: applying again changes nothing, live plans say so too.
  const again = await ann.api<Work[]>('POST', `/v1/repos/${clone.repo}/sync`)
  await see.idle()
  for (const { id } of again) {
    const lines = await see.logs(`work=${id}`)
    assert.ok(
      lines.some(({ text }) => text.includes('nothing to do')),
      lines.map(({ text }) => text).join('\n'),
    )
  }
  const plans = await ann.api<{ verdict: string }[]>('GET', `/v1/repos/${clone.repo}/plan?live=true`)
  assert.ok(plans.every(({ verdict }) => verdict === 'no change'))
  t.diagnostic('in the end: every node is as described, and applying again changes nothing')
}
