import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '#testing/until.ts'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf } from './testing/graphs.ts'

let node: Converging
before(async () => {
  node = await startConverging({ systemd: false })
})
after(() => node?.[Symbol.asyncDispose]())

const sh = (line: string) => node.sh(line).trim()
const wish = (text: string) => graphOf(`resources:\n${text}`, {})

/** Notes its begin and its end, and meets nobody. */
const slow = (name: string, more = '') => `  - command: ${name}
    run: |
      ${more}
      echo begin >>/var/tmp/${name}
      sh -c 'while ! [ -e /tmp/go-${name} ]; do sleep 0.1; done'
      echo end >>/var/tmp/${name}
`
const begun = (name: string) => until(() => sh(`cat /var/tmp/${name} 2>/dev/null || true`) === 'begin')
const mainShell = () =>
  sh(
    `for lock in /proc/[0-9]*/fd/8; do [ "$(readlink $lock)" != /run/devops/lock ] || echo $lock; done | cut -d/ -f3 | sort -n | head -1`,
  )
const said = (what: RegExp) => until(() => node.lines.some(({ text }) => what.test(text)))

const ends = {
  'whose link is cut': () => node.server.cut(),
  'whose shell is killed': () => void node.sh(`kill -KILL ${mainShell()}`),
  'whose shell is ended': () => void node.sh(`kill -TERM ${mainShell()}`),
  'whose shell is interrupted': () => void node.sh(`kill -INT ${mainShell()}`),
}
for (const [name, end] of Object.entries(ends))
  test(`an apply ${name} keeps the node until what it began has ended; the next says for what it waits`, async () => {
    const id = `job${Object.keys(ends).indexOf(name)}`
    const first = node.make(wish(slow(id)))
    await begun(id)
    end()
    if (name === 'whose link is cut' || name === 'whose shell is killed') await first
    const second = node.make(wish(slow(id)))
    await said(new RegExp(`at work on this node \\(command:${id}\\): waiting for its end`))
    assert.equal(sh(`cat /var/tmp/${id}`), 'begin')
    node.sh(`touch /tmp/go-${id}`)
    await first
    assert.deepEqual((await second).failed, [])
    assert.match(sh(`cat /var/tmp/${id}`), /^begin\nend(\nbegin\nend)?$/)
  })

test('what a job leaves running holds up nobody, neither after a good end nor after a killed shell', async () => {
  const daemon = `  - command: daemon\n    run: (setsid sleep 4741 >/dev/null 2>&1 &)\n`
  await node.made(wish(daemon))
  await node.made(wish(`${daemon}  - {command: quick, run: 'true'}\n`))
  const cut = node.make(wish(`${daemon}${slow('later')}`))
  await begun('later')
  node.sh(`kill -KILL ${mainShell()}; touch /tmp/go-later`)
  await cut
  assert.notEqual(sh('pgrep -fx "sleep 4741"'), '')
  await node.made(wish(`${daemon}${slow('later')}`))
  node.sh('pkill -fx "sleep 4741"')
})

const disks = [
  ['full', 'size=64k', 'head -c 1M /dev/zero >/var/lib/devops/ballast || true', /disk of this node is full/],
  [
    'without inodes',
    'size=1m,nr_inodes=3',
    'touch /var/lib/devops/1 /var/lib/devops/2 || true',
    /no inodes left/,
  ],
  ['read-only', 'size=64k', 'mount -o remount,ro /var/lib/devops', /disk of this node is read-only/],
] as const
for (const folder of ['/var/lib/devops', '/run/devops'])
  for (const [name, options, spoil, words] of disks)
    test(`nothing is begun when ${folder} is ${name}, and the disk is named; afterwards it goes on`, async () => {
      const file = `/srv/${name.replaceAll(' ', '-')}`
      node.sh(
        `mkdir -p ${folder}; mount -t tmpfs -o mode=0755,${options} none ${folder}; ${spoil.replaceAll('/var/lib/devops', folder)}`,
      )
      try {
        await assert.rejects(node.make(wish(`  - {file: ${file}, content: x}`)), words)
        assert.equal(sh(`ls ${file} 2>/dev/null || echo none`), 'none')
      } finally {
        node.sh(`umount -l ${folder}`)
      }
      await node.made(wish(`  - {file: ${file}, content: x}`))
      await node.made(graphOf('resources: []'))
    })

test('a disk that fills in the middle: what cannot be noted is not done, and no note is lost', async () => {
  node.sh('mkdir -p /var/lib/devops; mount -t tmpfs -o mode=0755,size=64k none /var/lib/devops')
  try {
    await node.made(wish('  - {file: /srv/kept, content: x}'))
    const names = Array.from({ length: 90 }, (_, i) => `/srv/${'long'.repeat(12)}${i}`)
    const filling = 'head -c 1M /dev/zero >/var/lib/devops/ballast || true'
    const after = names.map((path) => `  - {directory: ${path}, requires: 'command:fill'}\n`).join('')
    const text = `  - {file: /srv/kept, content: x}\n  - {command: fill, run: ${filling}}\n${after}`
    const { failed } = await node.make(wish(text))
    assert.ok(failed.length > 0 && failed.length < names.length, String(failed.length))
    for (const { reason } of failed) assert.match(reason, /disk of this node is full/)
    assert.equal(Number(sh('ls -d /srv/long* | wc -l')), names.length - failed.length)
    // Taking something back rewrites the notes.
    await node.make(graphOf('resources: []')).catch(() => {})
    node.sh('rm /var/lib/devops/ballast')
    await node.made(graphOf('resources: []'))
    assert.equal(sh('ls -d /srv/long* /srv/kept 2>/dev/null || echo none'), 'none')
  } finally {
    node.sh('umount -l /var/lib/devops')
  }
})
