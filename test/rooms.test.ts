import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { test } from 'node:test'

const root = resolve(import.meta.dirname, '..')

/**
 * The walls of DESIGN §3. A room may import itself and what is named here. `types` are imports of types only.
 * Tests and benchmarks beside the code may use the testing rooms as well.
 */
const walls: [room: string, may: string[], types?: string[]][] = [
  ['src/contracts', []],
  ['src/store', [], []],
  [
    'src/bus',
    ['src/contracts', 'src/kit/problem.ts', 'src/kit/clock.ts', 'src/kit/ids.ts', 'src/kit/pump.ts'],
    ['src/store', 'src/kit/log.ts'],
  ],
  ['src/kit', ['src/contracts'], ['src/bus', 'src/store']],
  ['src/language', ['src/contracts', 'src/kit/problem.ts']],
  ['src/services', ['src/kit', 'src/contracts', 'src/language'], ['src/bus', 'src/store']],
  ['src/client', [], ['src/contracts']],
  ['src/cli', ['src/client', 'src/language', 'src/contracts']],
]

/** Rooms that touch nothing outside the process. */
const pure = ['src/services/shazam/facts', 'src/services/shazam/resources', 'src/contracts']
const io = /^node:(fs|net|child_process|http|https|dns|tls|dgram|worker_threads)|^(ssh2|dockerode|fastify)$/

const imports = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).imports as Record<string, string>

for (const file of sourceFiles('src')) {
  test(`${file} stays inside its walls`, () => assert.deepEqual(trespasses(file), []))
}

test('an import through a wall is found', () => {
  assert.deepEqual(judge('src/services/git/x.ts', 'src/services/tasker/y.ts', false), false)
  assert.deepEqual(judge('src/services/git/x.ts', 'src/bus/index.ts', false), false)
  assert.deepEqual(judge('src/services/git/x.ts', 'src/bus/index.ts', true), true)
  assert.deepEqual(specifiers(`const a = await import('#bus')\nimport type { B } from "../b.ts"`), [
    { from: '../b.ts', types: true },
    { from: '#bus', types: false },
  ])
})

function trespasses(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const test = /\.(test|bench)\.ts$/.test(file) || file.includes('/testing/')
  return specifiers(text).flatMap(({ from, types }) => {
    const target = locate(file, from)
    if (target === undefined)
      return io.test(from) && !test && isPure(file) ? [`${from}: this room does no I/O`] : []
    if (test && !(isService(file) && isService(target))) return []
    return judge(file, target, types) ? [] : [`${from}: outside the walls of its room`]
  })
}

function judge(file: string, target: string, types: boolean): boolean {
  const wall = walls.find(([room]) => inside(file, room))
  if (!wall) return true
  const [room, may, mayTypes = []] = wall
  if (inside(target, isService(file) ? serviceOf(file) : room)) return true
  return [...may, ...(types ? mayTypes : [])].some((allowed) => inside(target, allowed))
}

function specifiers(text: string): { from: string; types: boolean }[] {
  const fixed = [...text.matchAll(/^\s*(?:import|export)\s+(type\s)?[^'"]*?from\s+['"]([^'"]+)['"]/gm)]
  const bare = [...text.matchAll(/^\s*import\s+['"]([^'"]+)['"]/gm)]
  const dynamic = [...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)]
  return [
    ...fixed.map((match) => ({ from: match[2] as string, types: match[1] !== undefined })),
    ...[...bare, ...dynamic].map((match) => ({ from: match[1] as string, types: false })),
  ]
}

/** The file that an import of ours means, from the root; undefined when it is a package. */
function locate(file: string, from: string): string | undefined {
  if (from.startsWith('.')) return relative(root, resolve(root, dirname(file), from))
  if (!from.startsWith('#')) return undefined
  for (const [pattern, target] of Object.entries(imports)) {
    const [head = '', tail] = pattern.split('*')
    if (tail === undefined ? from === pattern : from.startsWith(head))
      return join(target.replace('*', from.slice(head.length)))
  }
  throw new Error(`${file} imports ${from}, which package.json does not know`)
}

const inside = (file: string, room: string) => file === room || file.startsWith(`${room}${sep}`)
const isService = (file: string) => inside(file, 'src/services')
const serviceOf = (file: string) => file.split(sep).slice(0, 3).join(sep)
const isPure = (file: string) => pure.some((room) => inside(file, room))

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
}
