import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { folder } from './platform.ts'

/** Removes the demo's servers and its folder; images and installed programs stay. */
export async function clean(): Promise<void> {
  const planeFile = join(folder, 'data/plane')
  if (existsSync(planeFile)) {
    const label = `label=ps.devo.plane=${readFileSync(planeFile, 'utf8').trim()}`
    const list = (...what: string[]) =>
      execFileSync('docker', [...what, '--filter', label], { encoding: 'utf8' })
        .split('\n')
        .filter(Boolean)
    const ids = list('ps', '-aq')
    if (ids.length > 0) execFileSync('docker', ['rm', '-fv', ...ids], { stdio: 'ignore' })
    const networks = list('network', 'ls', '-q')
    if (networks.length > 0) execFileSync('docker', ['network', 'rm', ...networks], { stdio: 'ignore' })
    console.log(`Removed ${ids.length} server${ids.length === 1 ? '' : 's'}.`)
  }
  rmSync(folder, { recursive: true, force: true })
  console.log('Removed all that the demo made.')
}
