import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { silentLog } from '#kit/log.ts'
import { isProblem } from '#kit/problem.ts'
import { startPlatform } from '../bin/platform.ts'

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'devops-data-'))
  t.after(() => rmSync(made, { recursive: true }))
  return join(made, 'data')
}

test('security 39: the data folder is made for its owner alone, whatever the umask', async (t) => {
  const data = folder(t)
  const umask = process.umask(0)
  t.after(() => process.umask(umask))
  await using _ = await startPlatform({ data, log: silentLog })
  assert.equal(statSync(data).mode & 0o777, 0o700)
})

for (const mode of [0o755, 0o750, 0o710, 0o701, 0o777])
  test(`security 39: a data folder of mode ${mode.toString(8)} is refused with the line that mends it`, async (t) => {
    const data = folder(t)
    {
      await using _ = await startPlatform({ data, log: silentLog })
    }
    const before = readdirSync(data).sort()
    chmodSync(data, mode)
    await assert.rejects(startPlatform({ data, log: silentLog }), (error) => {
      assert.ok(isProblem(error, 'conflict'))
      assert.ok(
        error.message.endsWith(`(mode ${mode.toString(8)}): run \`chmod 700 ${data}\``),
        error.message,
      )
      return true
    })
    assert.deepEqual(readdirSync(data).sort(), before)
    chmodSync(data, 0o700)
    await using _ = await startPlatform({ data, log: silentLog })
  })
