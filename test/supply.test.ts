import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

interface Locked {
  version?: string
  integrity?: string
  hasInstallScript?: boolean
  link?: boolean
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}
const read = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, '..', name), 'utf8'))
const lock = read('package-lock.json') as { packages: Record<string, Locked> }
const manifest = read('package.json') as Required<Pick<Locked, 'dependencies' | 'devDependencies'>> & {
  allowScripts: Record<string, boolean>
}
const packages = Object.entries(lock.packages).filter(([path]) => path !== '')
const nameOf = (path: string) => path.split('node_modules/').at(-1) ?? ''

test('security 40: every package of the lock file, of every platform, is held to its hash', () => {
  assert.ok(packages.length > 150)
  const open = packages.filter(
    ([, { integrity, link }]) => !link && !/^sha512-\S{86}==$/.test(integrity ?? ''),
  )
  assert.deepEqual(
    open.map(([path]) => path),
    [],
  )
})

test('security 40: no package runs an install script that nobody has decided on', () => {
  const scripts = packages
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    .map(([path]) => nameOf(path))
  assert.ok(scripts.includes('node'))
  assert.deepEqual(
    scripts.filter((name) => manifest.allowScripts[name] === undefined),
    [],
  )
  const allowed = Object.entries(manifest.allowScripts)
    .filter(([, may]) => may)
    .map(([name]) => name)
  assert.deepEqual(allowed, ['node'])
})

test('security 40: every dependency is pinned, and locked at its pin', () => {
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name)
    assert.equal(lock.packages[`node_modules/${name}`]?.version, version, name)
  }
})
