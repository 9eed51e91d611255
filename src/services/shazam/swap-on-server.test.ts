import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Converging, startConverging } from './testing/converging.ts'
import { graphOf } from './testing/graphs.ts'

/**
 * Swap belongs to the kernel, which all containers share: for a second this machine has a few MB of it. A file on the
 * layers of an image is refused by the kernel, one on a disk is not.
 */
const file = '/srv/swap/file'
let node: Converging
let refused = ''
before(async () => {
  node = await startConverging({ systemd: false, volume: '/srv/swap' })
  try {
    node.sh(
      `cd /srv/swap; fallocate -l 2M try; chmod 600 try; mkswap -q try; swapon /srv/swap/try; swapoff /srv/swap/try; rm try`,
    )
  } catch (error) {
    refused = `no swap on the disk of this machine: ${error}`
  }
})
after(async () => {
  node?.sh(`swapoff ${file} 2>/dev/null || true`)
  await node?.[Symbol.asyncDispose]()
})

const wish = (size: number) => graphOf(`resources:\n  - {swap: ${file}, size: ${size}}`)
/** KB of ours in use; a page of it is the kernel's own. */
const inUse = () => node.sh(`awk '$1 == "${file}" { print $3 }' /proc/swaps`).trim()
const fstab = () => node.sh('cat /etc/fstab 2>/dev/null || true')

test('a swap file is in use in the size that is wished, again when somebody has turned it off, and leaves', async (t) => {
  if (refused) return t.skip(refused)
  const before = fstab()
  for (const size of [2, 4]) {
    await node.made(wish(size))
    assert.equal(inUse(), String(size * 1024 - 4))
    assert.equal(fstab(), `${before}${file} none swap sw 0 0\n`)
    const again = await node.made(wish(size))
    assert.deepEqual([again.did, again.trips], [[], 1])
  }
  node.sh(`swapoff ${file}`)
  assert.deepEqual((await node.made(wish(4))).did, [`swap:${file}`])
  assert.equal(inUse(), '4092')
  await node.made(graphOf('resources: []'))
  assert.deepEqual([inUse(), fstab(), node.sh('ls /srv/swap').replace('lost+found\n', '')], ['', before, ''])
})

const small = '/srv/small/file'
const failure = async (size: number, path = small) =>
  (await node.make(graphOf(`resources:\n  - {swap: ${path}, size: ${size}}`))).failed[0]?.reason ?? ''

test('a swap file that does not fit is not begun, and nothing of it is left', async () => {
  node.sh('mkdir -p /srv/small; mount -t tmpfs -o size=20m tmpfs /srv/small; echo x >/srv/small/x')
  const before = fstab()
  // 20 MB of which one must stay free.
  for (const size of [20, 4000])
    assert.match(
      await failure(size),
      /there is no room for \/srv\/small\/file: it needs \d+ MB, and 20 MB are free/,
    )
  assert.deepEqual([fstab(), node.sh('ls -A /srv/small').trim()], [before, 'x'])
})

test('a swap file that the kernel refuses leaves neither a file nor a line of fstab', async () => {
  const before = fstab()
  assert.match(await failure(2), /swapon/)
  assert.deepEqual([fstab(), node.sh('ls -A /srv/small').trim()], [before, 'x'])
})

test('a file that is no swap file is not overwritten', async () => {
  assert.match(
    await failure(2, '/srv/small/x'),
    /\/srv\/small\/x is there and is no swap file: it is left alone/,
  )
  assert.equal(node.sh('cat /srv/small/x').trim(), 'x')
  await node.make(graphOf('resources: []'))
  assert.equal(node.sh('cat /srv/small/x').trim(), 'x')
})

test('a swap file in a folder that is not there says so', async () => {
  assert.match(await failure(2, '/srv/none/file'), /there is no folder \/srv\/none for \/srv\/none\/file/)
  await node.make(graphOf('resources: []'))
})
