import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root, setUp, stopOwnDocker } from './setup/index.ts'

const bin = (name: string) => join(root, 'node_modules/.bin', name)
const nodeTest = (...patterns: string[]) => [
  process.execPath,
  '--test',
  '--test-reporter=spec',
  '--test-timeout=900000',
  ...patterns,
]

/** Everything that CI runs, cheapest first. `npm test -- types lint` runs some of it. */
const parts: Record<string, string[]> = {
  types: [bin('tsc'), '--noEmit'],
  lint: [bin('biome'), 'check', '--error-on-warnings', '.'],
  dead: [bin('knip')],
  unit: [
    ...nodeTest(
      '--test-concurrency=2',
      'src/**/*.test.ts',
      'testing/**/*.test.ts',
      'tools/**/*.test.ts',
      'test/*.test.ts',
    ),
  ],
  stories: [...nodeTest('--test-concurrency=2', 'test/stories/*.test.ts')],
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in parts))
if (unknown.length > 0) {
  console.error(`unknown part ${unknown.join(', ')}; there are: ${Object.keys(parts).join(', ')}`)
  process.exit(2)
}

await setUp()
const failed: string[] = []
for (const [name, command] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const started = Date.now()
  console.log(`\n== ${name}`)
  const { status } = spawnSync(command[0] as string, command.slice(1), { cwd: root, stdio: 'inherit' })
  console.log(
    `== ${name}: ${status === 0 ? 'ok' : 'FAILED'} in ${Math.round((Date.now() - started) / 1000)} s`,
  )
  if (status !== 0) failed.push(name)
}
await stopOwnDocker()
if (failed.length > 0) {
  console.error(`\nFailed: ${failed.join(', ')}`)
  process.exitCode = 1
}
