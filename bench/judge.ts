import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Problem } from '#kit/problem.ts'
import { type File, readCatalog } from '#language'
import { openPlace, type Place } from './push/place.ts'

const REQUESTS = 100
const repo = 'ann/shop'
const tenant = 'eve/shop'

const head = (id: string) => `id: ${id}\ntype: server\nprovider: { name: docker }\n`
const many = (count: number, of: (i: number) => string): File[] =>
  Array.from({ length: count }, (_, i) => ({ path: `nodes/n${i}.yml`, content: of(i) }))
const text = 'x'.repeat(1000)

/** Each is within the bounds of a push, or is refused only after much work. */
const worst: Record<string, () => File[]> = {
  'aliases up to the bound': () =>
    many(4, (i) => `${head(`n${i}`)}vars:\n  a: &a ${text}\n  b: [${Array(1000).fill('*a').join(', ')}]\n`),
  'the most values': () =>
    many(
      16,
      (i) =>
        `${head(`n${i}`)}vars:\n${Array.from({ length: 19_000 }, (_, j) => `  v${j}: ${'y'.repeat(40)}\n`).join('')}`,
    ),
  'templates that take longer than the limit': () =>
    many(
      5000,
      (i) =>
        `${head(`n${i}`)}vars:\n${Array.from({ length: 60 }, (_, j) => `  v${j}: "{{ n${(i + 1) % 5000}.ip }} {{ n${j}.ip }}"\n`).join('')}`,
    ),
}

/** How long the requests of one owner take while what another has pushed is judged, and alone. */
export async function judge(): Promise<void> {
  const catalog = readCatalog(join(import.meta.dirname, '../catalog'))
  const folder = mkdtempSync(join(tmpdir(), 'devops-bench-judge-'))
  try {
    await using place = await openPlace(folder, catalog)
    await place.bus.ask('git.create_repository', { repo: tenant, by: 'ann' })
    for (let i = 0; i < REQUESTS; i++) await request(place)
    const alone = await measure(place, REQUESTS)
    console.log(`alone: ${spread(alone)}`)
    for (const [name, make] of Object.entries(worst)) {
      const files = make()
      let over = ''
      const judging = place.bus
        .ask('git.validate', { repo: tenant, files }, { deadline: 120_000 })
        .then(
          (findings) => `${findings.length} findings`,
          (error) => Problem.of(error).message,
        )
        .then((said) => (over = said))
      const times: number[] = []
      while (!over) times.push(...(await measure(place, 1)))
      await judging
      const ratio = (part: number) => (at(times, part) / at(alone, part)).toFixed(1)
      console.log(
        `${name} (${over}): ${spread(times)}; median ${ratio(0.5)} times, at most ${ratio(1)} times as long`,
      )
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function measure(place: Place, count: number): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const started = performance.now()
    await request(place)
    times.push(performance.now() - started)
    await new Promise((done) => setTimeout(done, 5))
  }
  return times
}

const request = (place: Place) => place.bus.ask('git.get_settings', { repo })

const at = (times: readonly number[], part: number): number =>
  times.toSorted((a, b) => a - b)[Math.floor((times.length - 1) * part)] ?? 0
const spread = (times: readonly number[]): string =>
  `${times.length} requests, median ${at(times, 0.5).toFixed(1)} ms, at most ${at(times, 1).toFixed(1)} ms`
