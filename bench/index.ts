import { setUp } from '#tools/setup/index.ts'

/** `npm run bench [-- NAME [WORD …] …]`: prints figures and ratios of one run; nothing is asserted. */
const benches: Record<string, (words: readonly string[]) => Promise<void>> = {
  converge: async (words) => (await import('./converge/index.ts')).converge(words),
  push: async (words) => (await import('./push/index.ts')).push(words),
  refs: async (words) => (await import('./refs/index.ts')).refs(words),
  queue: async () => (await import('./queue.ts')).queue(),
  tasks: async () => (await import('./tasks.ts')).tasks(),
  judge: async () => (await import('./judge.ts')).judge(),
  mask: async () => (await import('./mask.ts')).mask(),
  logs: async () => (await import('./logs/index.ts')).logs(),
}

const { named, stray } = split(process.argv.slice(2))
if (stray.length > 0) {
  console.error(`unknown benchmark ${stray[0]}; there are: ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}
await setUp()
for (const [name, bench] of Object.entries(benches)) {
  const words = named.get(name)
  if (named.size > 0 && !words) continue
  console.log(`\n== ${name}`)
  await bench(words ?? [])
}
process.exit()

/** What follows the name of a benchmark says which part of it is wanted. */
function split(words: readonly string[]) {
  const named = new Map<string, string[]>()
  const stray: string[] = []
  let current = stray
  for (const word of words) {
    if (word in benches) {
      current = []
      named.set(word, current)
    } else current.push(word)
  }
  return { named, stray }
}
