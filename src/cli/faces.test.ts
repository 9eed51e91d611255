import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { ANN, startTestApi } from '#services/api/testing/platform.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { runCli } from './index.ts'

failOnLeaks()

const root = join(import.meta.dirname, '../..')
const program = join(root, 'bin/devops.ts')
const node = (...args: string[]) => execFileSync(process.execPath, args, { encoding: 'utf8' })

test('devops --version prints the version of package.json', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  assert.equal(node(program, '--version'), `${version}\n`)
})

/** On a pseudo-terminal of so many columns; without its carriage returns. */
const onTerminal = (columns: number, words: string): string => {
  const line = `stty cols ${columns} && exec '${process.execPath}' '${program}' ${words}`
  const printed = execFileSync('script', ['-qec', line, '/dev/null'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return printed.replaceAll('\r', '')
}

const widest = (text: string): number => Math.max(...text.split('\n').map(({ length }) => length))

test('help is as wide as the terminal, and has no colour', () => {
  const [narrow, wide] = [onTerminal(60, 'list --help'), onTerminal(160, '--help')]
  assert.ok(widest(narrow) <= 60, narrow)
  assert.ok(widest(wide) > 100 && widest(wide) <= 160, wide)
  assert.ok(!`${narrow}${wide}`.includes('\u001b'))
  assert.match(narrow, /sizes, locations/)
})

test('devops --help loads few modules, and neither typebox nor yaml nor fastify', () => {
  const hook = `
    import { registerHooks } from 'node:module'
    import { writeSync } from 'node:fs'
    registerHooks({ load(url, context, next) { writeSync(1, 'loads ' + url + '\\n'); return next(url, context) } })`
  const preload = `data:text/javascript,${encodeURIComponent(hook)}`
  const printed = node('--import', preload, program, '--help')
  const loaded = printed.split('\n').filter((line) => line.startsWith('loads '))
  assert.match(printed, /^Usage: devops/m)
  assert.deepEqual(
    loaded.filter((line) => /node_modules\/(typebox|yaml|fastify)\//.test(line)),
    [],
  )
  assert.ok(loaded.length > 30 && loaded.length < 110, `${loaded.length} modules`)
})

test('devops logs -f that is left with Ctrl-C exits 130', async () => {
  await using api = await startTestApi()
  api.say({ text: 'first' })
  let interrupt = () => {}
  const code = await runCli(['--repo', 'ann/shop', 'logs', '-f'], {
    stdout: { write: (text: string) => text.includes('first') && interrupt() },
    stderr: { write() {} },
    stdin: Readable.from([]),
    env: { DEVOPS_SERVER: api.url, DEVOPS_TOKEN: ANN },
    home: '/nonexistent',
    cwd: '/',
    onInterrupt(act) {
      interrupt = act
      return () => {}
    },
  })
  assert.equal(code, 130)
})
