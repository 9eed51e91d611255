import { globSync, readFileSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { isSetAside } from './equivalent.ts'
import { type Mutant, mutantsOf } from './mutants.ts'
import { type Outcome, openResults } from './results.ts'
import { type Tally, table } from './table.ts'
import { hash, root, type TestFile, testsOf } from './tests.ts'
import { endTrials, tryMutant } from './trial.ts'

const USAGE = `Usage: npm run mutate -- [options] PATH…

Makes small wrong changes in the files (or folders), one at a time, and runs the tests that judge each file
(tools/mutate/tests.json). A change that no test notices survives: write the test that notices it.
Results are kept in .cache/mutate, so a run goes on where the last one stopped.

  --minutes N   stop after N minutes
  --survivors   judge again only what survived, after tests were added
  --table       run nothing, print what is known
  --list        run nothing, print the changes that survived
`
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string' },
    survivors: { type: 'boolean' },
    table: { type: 'boolean' },
    list: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  },
})
const deadline = values.minutes === undefined ? Infinity : Date.now() + Number(values.minutes) * 60_000
if (Number.isNaN(deadline)) fail(`--minutes ${values.minutes} is no number`)
const reads = values.table || values.list

function fail(message: string): never {
  console.error(message)
  process.exit(2)
}

function filesAt(path: string): string[] {
  const full = resolve(path)
  const stats = statSync(full, { throwIfNoEntry: false })
  if (!stats) fail(`${path}: no such file or folder`)
  const found = stats.isDirectory()
    ? globSync('**/*.ts', { cwd: full }).map((each) => join(full, each))
    : [full]
  return found
    .map((each) => relative(root, each))
    .filter((each) => !/(^|\/)testing\/|\.test\.ts$|(^|\/)migrations\.ts$/.test(each))
    .sort()
}

/** Milliseconds that a test may take: many times what it takes now. Fails when it does not pass now. */
async function limitOf(test: TestFile, file: string, source: string): Promise<number> {
  const start = performance.now()
  const verdict = await tryMutant(test.path, file, source, 600_000)
  if (verdict !== 'passed') fail(`${test.path} ${verdict} with ${file} as it is: mend that first`)
  return Math.max(30_000, (performance.now() - start) * 8)
}

type Limits = Map<TestFile, number>

/** The test that noticed the last change is asked first: the next change is often of the same function. */
async function judge(file: string, mutant: Mutant, limits: Limits): Promise<[Outcome, TestFile?]> {
  for (const [test, limit] of limits) {
    const verdict = await tryMutant(test.path, file, mutant.source, limit)
    if (verdict === 'passed') continue
    limits.delete(test)
    const others = [...limits]
    limits.clear()
    for (const [each, limitOfEach] of [[test, limit] as const, ...others]) limits.set(each, limitOfEach)
    return [verdict === 'failed' ? 'killed' : 'timed out', test]
  }
  return ['survived']
}

function show(file: string, mutant: Mutant, outcome: Outcome): void {
  const lines = (sign: string, text: string) => text.split('\n').map((line) => `  ${sign} ${line}`)
  const diff = [...lines('-', mutant.before), ...(mutant.after === '' ? [] : lines('+', mutant.after))]
  console.log([`${file}:${mutant.line} ${mutant.within} ${outcome}`, ...diff].join('\n'))
}

async function run(file: string): Promise<Tally> {
  const source = readFileSync(join(root, file), 'utf8')
  const tests = testsOf(file)
  if (tests.length === 0 && !reads) fail(`no test is named for ${file}: add it to tools/mutate/tests.json`)
  const results = openResults(file, hash(source), tests, values.survivors === true)
  const limits: Limits = new Map()
  const outcomes: Tally['outcomes'] = []
  for (const mutant of mutantsOf(source)) {
    const known = isSetAside(file, mutant) ? 'set aside' : results.find(mutant.id)
    if (known || reads || Date.now() > deadline) {
      outcomes.push(known ?? 'not run')
      if (known === 'survived' || known === 'timed out') show(file, mutant, known)
      continue
    }
    if (limits.size === 0) for (const test of tests) limits.set(test, await limitOf(test, file, source))
    const [outcome, test] = await judge(file, mutant, limits)
    results.keep(mutant.id, outcome, test)
    outcomes.push(outcome)
    if (outcome !== 'killed') show(file, mutant, outcome)
  }
  return { file, outcomes }
}

if (values.help || positionals.length === 0) {
  console.log(USAGE)
  process.exit(values.help ? 0 : 2)
}
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => {
    endTrials()
    process.exit(130)
  })
const tallies: Tally[] = []
for (const file of positionals.flatMap(filesAt)) tallies.push(await run(file))
console.log(`\n${table(tallies)}`)
if (tallies.some(({ outcomes }) => outcomes.includes('survived'))) process.exitCode = 1
