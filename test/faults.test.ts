import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'

const program = resolve(import.meta.dirname, '../bin/devops.ts')

for (const [what, fault, words] of [
  ['a rejection', "Promise.reject(new Error('stray'))", 'a promise was rejected and nobody handles it'],
  ['an error', "throw new Error('stray')", 'an error was thrown that nobody handles'],
] as const)
  test(`${what} that nobody handles is in the log and ends the platform`, async (t) => {
    const data = mkdtempSync(join(tmpdir(), 'devops-fault-'))
    t.after(() => rmSync(data, { recursive: true }))
    // Once it serves: the lines that introduce it are the last of a start.
    const hook = `const { log } = console
      console.log = (text, ...more) => {
        log(text, ...more)
        if (String(text).startsWith('Git over HTTP')) setTimeout(() => { ${fault} }, 1)
      }`
    const args = ['--import', `data:text/javascript,${encodeURIComponent(hook)}`, program, 'server']
    const ports = ['--port', '0', '--ssh-port', '0', '--git-port', '0']
    const { code, text } = await new Promise<{ code: unknown; text: string }>((done) =>
      execFile(
        process.execPath,
        [...args, '--data', data, ...ports],
        { timeout: 60_000 },
        (error, stdout, stderr) => done({ code: error?.code, text: stdout + stderr }),
      ),
    )
    assert.equal(code, 1, text)
    assert.match(text, new RegExp(words))
    assert.match(text, /stray/)
  })
