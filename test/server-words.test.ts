import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const folder = mkdtempSync(join(tmpdir(), 'devops-words-'))
after(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'file')
writeFileSync(file, '')
const data = join(folder, 'data')
const program = join(import.meta.dirname, '../bin/devops.ts')
const free = ['--port', '0', '--ssh-port', '0', '--git-port', '0']

/** The program itself: what lies below `server` runs in no other. */
function devops(words: readonly string[]): Promise<{ code: number | null; err: string }> {
  return new Promise((done) => {
    const child = execFile(process.execPath, [program, ...words], (_error, _out, err) =>
      done({ code: child.exitCode, err: err.replaceAll(/^\{.*\n/gm, '') }),
    )
  })
}

const wrong: [words: string[], code: number, says: RegExp][] = [
  [['server', 'docter'], 2, /^error: `devops server` does not know .* docter, did you mean doctor\?\n/],
  [['server', 'zzz'], 2, /^error: `devops server` does not know what to do with zzz\.\n.*--help/],
  [['server', 'doctor', 'extra'], 2, /`devops server doctor` does not know what to do with extra\./],
  [['server', 'rekey', 'extra'], 2, /`devops server rekey` does not know what to do with extra\./],
  [['server', '--prot', '1'], 2, /has no option --prot, did you mean --port\?/],
  [['server', 'doctor', '--dta', 'x'], 2, /has no option --dta, did you mean --data\?/],
  [['server', 'rekey', '--dta', 'x'], 2, /has no option --dta, did you mean --data\?/],
  [['server', '--port'], 2, /--port.* needs a value/],
  ...['x', '-1', '65536', '1.5'].map((port): [string[], number, RegExp] => [
    ['server', '--port', port],
    2,
    /is no port\.\n.*0 .* to 65535/,
  ]),
  [['server', '--syslog-tls-port', '0'], 2, /--syslog-tls-port needs --syslog-cert and --syslog-key/],
  [['server', '--monitor-interval', 'soon'], 2, /soon/],
  [['server', ...free, '--data', file], 1, /^error: \S+ is a file: give --data the name of a folder\n$/],
  [['server', ...free, '--data', join(file, 'x')], 1, /cannot be made: a part of its path is a file\n$/],
  [['server', ...free, '--data', '/proc/none/x'], 1, /cannot be made: nothing can be made there\n$/],
  [
    ['server', ...free, '--data', data, '--host', '203.0.113.1'],
    1,
    /^error: This machine has no address 203\.0\.113\.1: give --host one that it has/m,
  ],
  [
    ['server', ...free, '--data', data, '--host', '999.1.1.1'],
    1,
    /^error: The name 999\.1\.1\.1 cannot be resolved: give --host an address of this machine/m,
  ],
  [
    ['server', ...free, '--data', data, ...tls('--syslog-cert', '/none', '--syslog-key', '/none')],
    1,
    /^error: There is no file \/none\n$/m,
  ],
  [['server', 'rekey', '--data', file], 1, /holds no platform: name its folder with --data/],
  [['server', 'rekey', '--data', join(folder, 'none')], 1, /holds no platform: name its folder with --data/],
]

function tls(...words: string[]): string[] {
  return ['--syslog-tls-port', '0', ...words]
}

for (const [words, code, says] of wrong)
  test(`devops ${words.join(' ').replaceAll(folder, '…')} exits ${code} and says why`, async () => {
    const said = await devops(words)
    assert.match(said.err, says)
    assert.equal(said.code, code)
    assert.doesNotMatch(said.err, /\bat .*:\d+:\d+|E[A-Z]{4,}/)
  })

test('a port that another program has is named, with what to do', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  try {
    const { port } = taken.address() as AddressInfo
    for (const option of ['--port', '--ssh-port', '--git-port']) {
      const others = free.filter((_, at) => free[at - (at % 2)] !== option)
      const said = await devops(['server', '--data', data, ...others, option, `${port}`])
      assert.match(
        said.err,
        new RegExp(`^error: Port ${port} of 127\\.0\\.0\\.1 is taken by another program`, 'm'),
      )
      assert.equal(said.code, 1)
    }
  } finally {
    taken.close()
  }
})

test('the doctor of a folder that is not there finds that bad, and makes none', async () => {
  const none = join(folder, 'none')
  const said = await devops(['server', 'doctor', '--data', none])
  assert.equal(said.code, 1)
  assert.ok(!existsSync(none))
})
