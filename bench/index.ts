import { setUp } from '#tools/setup/index.ts'

/** `npm run bench [-- NAME …]`: prints figures and ratios of one run; nothing is asserted. */
const benches: Record<string, () => Promise<void>> = {
  converge: async () => (await import('./converge.ts')).converge(),
  logs: async () => (await import('./logs.ts')).logs(),
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in benches))
if (unknown.length > 0) {
  console.error(`unknown benchmark ${unknown.join(', ')}; there are: ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}
await setUp()
for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`\n== ${name}`)
  await bench()
}
process.exit()
