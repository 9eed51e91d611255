import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { folder } from './platform.ts'

/** Removes the demo's servers and its folder; images and installed programs stay. */
export async function clean(): Promise<void> {
  const planeFile = join(folder, 'data/plane')
  if (existsSync(planeFile)) {
    const label = `label=ps.devo.plane=${readFileSync(planeFile, 'utf8').trim()}`
    const ids = execFileSync('docker', ['ps', '-aq', '--filter', label], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean)
    if (ids.length > 0) execFileSync('docker', ['rm', '-fv', ...ids], { stdio: 'ignore' })
    console.log(`Removed ${ids.length} server${ids.length === 1 ? '' : 's'}.`)
  }
  rmSync(folder, { recursive: true, force: true })
  console.log('Removed all that the demo made.')
}
